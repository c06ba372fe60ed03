// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/** The functions of a {@link KanBasis}; {@code t = (x - centre) / h} on grids of step h. */
public enum KanBasisKind {
    /**
     * B-splines on a uniform grid; 0 outside their support. Liu et al.: KAN: Kolmogorov-Arnold
     * Networks, arXiv:2404.19756.
     */
    B_SPLINE(0, true),
    /**
     * Chebyshev polynomials of {@code tanh(x)}. Sidharth, Gokul: Chebyshev Polynomial-Based
     * Kolmogorov-Arnold Networks, arXiv:2405.07200.
     */
    CHEBYSHEV(1, false),
    /**
     * {@code cos(k x)}, then {@code sin(k x)}. Xu et al.: FourierKAN-GCF, arXiv:2406.01034; the
     * basis of Kolmogorov-Arnold attention, arXiv:2503.10632.
     */
    FOURIER(2, false),
    /**
     * {@code exp(-t^2)}. Li: Kolmogorov-Arnold Networks are Radial Basis Function Networks,
     * arXiv:2405.06721.
     */
    GAUSSIAN(3, true),
    /**
     * The Mexican hat {@code 2 / (sqrt(3) pi^(1/4)) (1 - t^2) exp(-t^2 / 2)}. Bozorgasl, Chen:
     * Wav-KAN, arXiv:2405.12832.
     */
    WAVELET(4, true);

    private final int code;
    private final boolean onGrid;

    KanBasisKind(int code, boolean onGrid) {
        this.code = code;
        this.onGrid = onGrid;
    }

    /** The number of this kind in the C interface. */
    int code() {
        return code;
    }

    /**
     * Whether the functions have their centres on a grid.
     *
     * @return whether low and high of a basis matter
     */
    public boolean onGrid() {
        return onGrid;
    }
}
