// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/** The kernels of Kolmogorov-Arnold networks of a device; see {@link KanLayer}. */
interface KanKernels {
    void basis(KanBasis basis, Tensor x, Tensor phi);

    void basisBackward(KanBasis basis, Tensor dphi, Tensor x, Tensor dx);

    void forward(KanBasis basis, Tensor x, Tensor weight, Tensor bias, Tensor y);

    void backward(
            KanBasis basis,
            Tensor dy,
            Tensor x,
            Tensor weight,
            Tensor dx,
            Tensor dweight,
            Tensor dbias,
            boolean accumulate);
}
