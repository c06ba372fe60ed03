/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.cli;

import java.io.Console;
import java.io.PrintWriter;

/**
 * One line that says how far the work is: rewritten in place on a terminal, now and then a new one
 * in a log.
 */
final class ProgressLine {
    private static final long TERMINAL_INTERVAL_NS = 100_000_000;
    private static final long LOG_INTERVAL_NS = 10_000_000_000L;
    private static final int WIDTH = 24;
    private static final int MAX_TEXT = 90;

    private final PrintWriter out;
    private final boolean terminal;
    private long last = System.nanoTime();
    private boolean shown;

    ProgressLine(PrintWriter out) {
        this.out = out;
        Console console = System.console();
        terminal = console != null && console.isTerminal();
    }

    void show(int done, int total, String what) {
        long now = System.nanoTime();
        if (now - last < (terminal ? TERMINAL_INTERVAL_NS : LOG_INTERVAL_NS)) {
            return;
        }
        last = now;
        int filled = total == 0 ? WIDTH : (int) ((long) WIDTH * done / total);
        String text =
                "["
                        + "#".repeat(filled)
                        + ".".repeat(WIDTH - filled)
                        + "] "
                        + done
                        + "/"
                        + total
                        + " "
                        + what;
        if (terminal) {
            // Back to the start of the line, the text, and the rest of the line cleared.
            out.print("\r" + text.substring(0, Math.min(text.length(), MAX_TEXT)) + "\u001b[K");
            shown = true;
        } else {
            out.println(text);
        }
        out.flush();
    }

    /** Removes the line. */
    void clear() {
        if (shown) {
            out.print("\r\u001b[K");
            out.flush();
            shown = false;
        }
    }
}
