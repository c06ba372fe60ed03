// SPDX-License-Identifier: Apache-2.0
package io.gatun;

/** Along which dimension of a weight matrix the features lie that enter the residual stream. */
public enum FeatureAxis {
    /** Along its rows: a linear layer {@code [out features, in features]}. */
    ROWS(0),
    /**
     * Along its columns: an embedding {@code [entries, features]}, or a bias {@code [1, features]}.
     */
    COLUMNS(1);

    private final int code;

    FeatureAxis(int code) {
        this.code = code;
    }

    /** The number of this axis in the C interface. */
    int code() {
        return code;
    }
}
