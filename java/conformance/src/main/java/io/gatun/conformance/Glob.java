/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import java.util.regex.Pattern;

/**
 * A pattern over paths such as {@code layer_norm/forward/f32/32x4096}: {@code *} stands for any
 * characters, slashes included, {@code ?} for one, and {@code {a,b}} for either. All else stands
 * for itself.
 */
public final class Glob {
    /** The pattern that everything matches. */
    public static final Glob ALL = new Glob("*");

    private final String text;
    private final Pattern pattern;

    /**
     * Compiles a pattern.
     *
     * @param text the pattern
     * @throws IllegalArgumentException if a brace is not closed or not opened
     */
    public Glob(String text) {
        this.text = text;
        StringBuilder regex = new StringBuilder();
        int depth = 0;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '*') {
                regex.append(".*");
            } else if (c == '?') {
                regex.append('.');
            } else if (c == '{') {
                depth++;
                regex.append("(?:");
            } else if (c == '}' && depth > 0) {
                depth--;
                regex.append(')');
            } else if (c == ',' && depth > 0) {
                regex.append('|');
            } else if (c == '}') {
                throw new IllegalArgumentException("glob: no { before the } of " + text);
            } else {
                regex.append(Pattern.quote(String.valueOf(c)));
            }
        }
        if (depth > 0) {
            throw new IllegalArgumentException("glob: no } after the { of " + text);
        }
        pattern = Pattern.compile(regex.toString(), Pattern.DOTALL);
    }

    /**
     * Whether a whole path matches.
     *
     * @param path the path
     * @return whether it matches from its first to its last character
     */
    public boolean matches(String path) {
        return pattern.matcher(path).matches();
    }

    @Override
    public String toString() {
        return text;
    }
}
