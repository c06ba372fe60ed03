// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Asks for safepoints while another thread makes heap calls that are long, longer than a piece may
 * be, or short ones in a loop. The JVM logs how long each safepoint took to reach; lines of this
 * class in between say what was going on.
 */
final class SafepointProbe {
    private static final int SAFEPOINTS = 60;

    private SafepointProbe() {}

    public static void main(String[] arguments) throws InterruptedException {
        try (Device device = Device.cpu()) {
            Tensor many = device.tensor(new float[4096 * 4096], 4096, 4096);
            Tensor gamma = device.tensor(new float[4096], 4096);
            measure("pieces", () -> Normalization.rmsNorm(many, gamma, 1e-6f, many));
            Tensor row = device.tensor(new float[1 << 23], 1, 1 << 23);
            measure("staged", () -> Normalization.layerNorm(row, null, null, 1e-6f, row));
            Tensor dy = device.tensor(new float[4096 * 4096], 4096, 4096);
            Tensor dgamma = device.tensor(new float[4096], 4096);
            measure(
                    "backward",
                    () ->
                            Normalization.layerNormBackward(
                                    dy, many, gamma, 1e-6f, dy, dgamma, null));
            Tensor one = device.tensor(new float[4096], 1, 4096);
            measure(
                    "short",
                    () -> {
                        for (int i = 0; i < 100_000; i++) {
                            Normalization.rmsNorm(one, gamma, 1e-6f, one);
                        }
                    });
        }
    }

    private static void measure(String name, Runnable call) throws InterruptedException {
        AtomicBoolean stop = new AtomicBoolean();
        AtomicLong calls = new AtomicLong();
        Thread caller =
                new Thread(
                        () -> {
                            while (!stop.get()) {
                                call.run();
                                calls.incrementAndGet();
                            }
                        });
        caller.start();
        // Compiled code is what leaves out safepoint polls, so wait for it.
        Thread.sleep(400);
        System.out.println("begin " + name);
        for (int i = 0; i < SAFEPOINTS; i++) {
            Thread.sleep(2);
            Thread.getAllStackTraces();
        }
        System.out.println("end " + name);
        stop.set(true);
        caller.join();
        if (calls.get() == 0) {
            throw new IllegalStateException("no call ended");
        }
    }
}
