/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.bench;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** Splits rows over a fixed pool and the calling thread, as a plain Java program would. */
final class RowPool implements AutoCloseable {
    /** Computes rows {@code from} to {@code to}, the latter excluded. */
    interface Rows {
        void compute(int from, int to);
    }

    private final int threads;
    private final ExecutorService executor;

    RowPool(int threads) {
        this.threads = threads;
        executor =
                threads > 1
                        ? Executors.newFixedThreadPool(
                                threads - 1,
                                Thread.ofPlatform().daemon().name("row-pool-", 0).factory())
                        : null;
    }

    void run(int rows, Rows body) {
        int parts = Math.min(threads, rows);
        if (parts <= 1) {
            body.compute(0, rows);
            return;
        }
        CountDownLatch done = new CountDownLatch(parts - 1);
        for (int part = 1; part < parts; part++) {
            int from = (int) ((long) rows * part / parts);
            int to = (int) ((long) rows * (part + 1) / parts);
            executor.execute(
                    () -> {
                        try {
                            body.compute(from, to);
                        } finally {
                            done.countDown();
                        }
                    });
        }
        body.compute(0, rows / parts);
        try {
            done.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while a benchmark ran", e);
        }
    }

    @Override
    public void close() {
        if (executor != null) {
            executor.shutdown();
        }
    }
}
