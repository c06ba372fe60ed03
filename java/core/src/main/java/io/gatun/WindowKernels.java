// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/** The windows of a device; see {@link KanLayer#windows}. */
interface WindowKernels {
    void forward(KanWindows windows, Tensor x, Tensor starts, Tensor ends, Tensor phi);

    void backward(
            KanWindows windows,
            Tensor dphi,
            Tensor x,
            Tensor starts,
            Tensor ends,
            Tensor dx,
            Tensor dstarts,
            Tensor dends,
            boolean accumulate);
}
