// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/** Opens devices and prints what came of it. */
final class FallbackProbe {
    private FallbackProbe() {}

    public static void main(String[] arguments) {
        try {
            for (int i = 0; i < 2; i++) {
                try (Device device = Device.open()) {
                    Tensor x = device.tensor(new float[] {3, 4}, 1, 2);
                    Normalization.rmsNorm(x, null, 0, x);
                    System.out.println("opened " + device.name() + ": " + x.get(0, 0));
                }
            }
            System.out.println("doctor: " + Doctor.report().failure());
            try (Device device = Device.cpu()) {
                System.out.println("cpu: " + device.name());
            }
        } catch (DeviceUnavailableException | IllegalArgumentException thrown) {
            System.out.println(thrown.getClass().getSimpleName() + ": " + thrown.getMessage());
        }
    }
}
