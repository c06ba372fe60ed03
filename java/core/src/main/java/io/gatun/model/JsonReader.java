// SPDX-License-Identifier: Apache-2.0
package io.gatun.model;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

/**
 * Reads JSON (RFC 8259) piece by piece: the caller asks for what it expects, and everything else is
 * an error. Nothing is built but the strings that are asked for.
 */
final class JsonReader {
    private static final int MOST_DEPTH = 64;

    /** Makes the exception of a place, counted from the first byte of the text. */
    @FunctionalInterface
    interface Errors {
        ModelFormatException at(long offset, String reason);
    }

    private final byte[] text;
    private final Errors errors;
    private int position;

    JsonReader(byte[] text, Errors errors) {
        this.text = text;
        this.errors = errors;
    }

    int position() {
        return position;
    }

    ModelFormatException error(String reason) {
        return errors.at(position, reason);
    }

    private void skipSpace() {
        while (position < text.length
                && (text[position] == ' '
                        || text[position] == '\t'
                        || text[position] == '\n'
                        || text[position] == '\r')) {
            position++;
        }
    }

    /** The next byte that is not white space, which stays; -1 at the end. */
    private int peek() {
        skipSpace();
        return position < text.length ? text[position] & 0xff : -1;
    }

    private String found() {
        int next = peek();
        return next < 0
                ? "the text ends"
                : next > ' ' && next < 127
                        ? "there is '" + (char) next + "'"
                        : "there is byte " + next;
    }

    private boolean take(char expected) {
        if (peek() != expected) {
            return false;
        }
        position++;
        return true;
    }

    private void require(char expected, String what) throws ModelFormatException {
        if (!take(expected)) {
            throw error("expected '" + expected + "' of " + what + ", but " + found());
        }
    }

    /** The members of an object: each is given its name and must read its value. */
    @FunctionalInterface
    interface Member {
        void read(String name, int at) throws ModelFormatException;
    }

    /** The elements of an array: each must be read. */
    @FunctionalInterface
    interface Element {
        void read() throws ModelFormatException;
    }

    void readObject(String what, Member member) throws ModelFormatException {
        require('{', what);
        if (take('}')) {
            return;
        }
        do {
            skipSpace();
            int at = position;
            String name = readString("a name in " + what);
            require(':', what);
            member.read(name, at);
        } while (take(','));
        require('}', what);
    }

    void readArray(String what, Element element) throws ModelFormatException {
        require('[', what);
        if (take(']')) {
            return;
        }
        do {
            element.read();
        } while (take(','));
        require(']', what);
    }

    /** A whole number from 0 to 2^63 - 1. */
    long readCount(String what) throws ModelFormatException {
        skipSpace();
        int start = position;
        long value = 0;
        while (position < text.length && text[position] >= '0' && text[position] <= '9') {
            int digit = text[position] - '0';
            if (value > (Long.MAX_VALUE - digit) / 10 || position > start && value == 0) {
                position = start;
                throw error(what + ": expected a whole number of less than 2^63");
            }
            value = value * 10 + digit;
            position++;
        }
        boolean more =
                position < text.length && (text[position] == '.' || (text[position] | 0x20) == 'e');
        if (position == start || more) {
            position = start;
            throw error(what + ": expected a whole number of at least 0, but " + found());
        }
        return value;
    }

    String readString(String what) throws ModelFormatException {
        require('"', what);
        int start = position;
        while (position < text.length && text[position] != '"' && text[position] != '\\') {
            requireNoControl(what);
            position++;
        }
        if (position < text.length && text[position] == '"') {
            return decode(start, position++, what);
        }
        StringBuilder escaped = new StringBuilder();
        while (position < text.length && text[position] != '"') {
            escaped.append(decode(start, position, what));
            position++;
            readEscape(escaped, what);
            start = position;
            while (position < text.length && text[position] != '"' && text[position] != '\\') {
                requireNoControl(what);
                position++;
            }
        }
        if (position >= text.length) {
            throw error("expected the end of " + what + ", but the text ends");
        }
        return escaped.append(decode(start, position++, what)).toString();
    }

    private void requireNoControl(String what) throws ModelFormatException {
        if (text[position] >= 0 && text[position] < ' ') {
            throw error(what + ": expected no control character, but " + found());
        }
    }

    private String decode(int start, int end, String what) throws ModelFormatException {
        try {
            return StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(text, start, end - start))
                    .toString();
        } catch (CharacterCodingException e) {
            throw errors.at(start, what + ": expected UTF-8");
        }
    }

    private void readEscape(StringBuilder to, String what) throws ModelFormatException {
        int escape = position < text.length ? text[position++] : -1;
        switch (escape) {
            case '"', '\\', '/' -> to.append((char) escape);
            case 'b' -> to.append('\b');
            case 'f' -> to.append('\f');
            case 'n' -> to.append('\n');
            case 'r' -> to.append('\r');
            case 't' -> to.append('\t');
            case 'u' -> readUnit(to, what);
            default -> throw error(what + ": expected an escape sequence of JSON");
        }
    }

    /** Four digits; a surrogate must be followed by the other half. */
    private void readUnit(StringBuilder to, String what) throws ModelFormatException {
        char unit = readHex(what);
        to.append(unit);
        if (Character.isSurrogate(unit)) {
            boolean escaped =
                    position + 1 < text.length
                            && text[position] == '\\'
                            && text[position + 1] == 'u';
            if (escaped) {
                position += 2;
            }
            char low = escaped ? readHex(what) : 0;
            if (!Character.isSurrogatePair(unit, low)) {
                throw error(what + ": expected both halves of a surrogate pair");
            }
            to.append(low);
        }
    }

    private char readHex(String what) throws ModelFormatException {
        int value = 0;
        for (int i = 0; i < 4; i++) {
            int digit =
                    position < text.length && text[position] > 0
                            ? Character.digit(text[position], 16)
                            : -1;
            if (digit < 0) {
                throw error(what + ": expected four hexadecimal digits");
            }
            value = value << 4 | digit;
            position++;
        }
        return (char) value;
    }

    /** Moves on over a value of any kind. */
    void skipValue(String what) throws ModelFormatException {
        skipValue(what, MOST_DEPTH);
    }

    private void skipValue(String what, int depth) throws ModelFormatException {
        if (depth == 0) {
            throw error(what + ": expected at most " + MOST_DEPTH + " values within each other");
        }
        switch (peek()) {
            case '{' -> readObject(what, (name, at) -> skipValue(what, depth - 1));
            case '[' -> readArray(what, () -> skipValue(what, depth - 1));
            case '"' -> readString(what);
            case 't' -> requireWord("true", what);
            case 'f' -> requireWord("false", what);
            case 'n' -> requireWord("null", what);
            default -> skipNumber(what);
        }
    }

    private void requireWord(String word, String what) throws ModelFormatException {
        for (int i = 0; i < word.length(); i++) {
            if (position >= text.length || text[position] != word.charAt(i)) {
                throw error(what + ": expected " + word);
            }
            position++;
        }
    }

    private void skipNumber(String what) throws ModelFormatException {
        if (position < text.length && text[position] == '-') {
            position++;
        }
        int start = position;
        int digits = skipDigits();
        boolean valid = digits > 0 && (digits == 1 || text[start] != '0');
        if (valid && position < text.length && text[position] == '.') {
            position++;
            valid = skipDigits() > 0;
        }
        if (valid && position < text.length && (text[position] | 0x20) == 'e') {
            position++;
            if (position < text.length && (text[position] == '+' || text[position] == '-')) {
                position++;
            }
            valid = skipDigits() > 0;
        }
        if (!valid) {
            throw error(what + ": expected a value of JSON, but " + found());
        }
    }

    private int skipDigits() {
        int start = position;
        while (position < text.length && text[position] >= '0' && text[position] <= '9') {
            position++;
        }
        return position - start;
    }

    /** Nothing but white space is left. */
    void requireEnd() throws ModelFormatException {
        if (peek() >= 0) {
            throw error("expected the end of the header, but " + found());
        }
    }
}
