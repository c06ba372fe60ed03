// SPDX-License-Identifier: Apache-2.0
package io.gatun;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the reference is made of, against published values and values of many digits. */
class ScalarFunctionsTest {
    private static void assertNear(double expected, double actual, double units) {
        assertTrue(
                Math.abs(actual - expected) <= units * Math.ulp(expected),
                () -> "expected " + expected + ", but it is " + actual);
    }

    @ParameterizedTest
    @CsvSource({
        "0.1, 0.11246291601828489220327507174397, 0.88753708398171510779672492825603",
        "0.5, 0.52049987781304653768274665389197, 0.47950012218695346231725334610804",
        "0.75, 0.71115563365351513160937820439037, 0.28884436634648486839062179560963",
        "1, 0.84270079294971486934122063508261, 0.15729920705028513065877936491739",
        "2, 0.99532226501895273416206925636725, 0.0046777349810472658379307436327471",
        "3, 0.99997790950300141455862722387042, 0.000022090496998585441372776129582579",
        "6, 0.99999999999999997848026328750109, 2.1519736712498913116593350399187e-17",
        "10, 1, 2.0884875837625447570007862949578e-45",
        "26, 1, 5.6631924088561428464757278969260e-296",
        "-1, -0.84270079294971486934122063508261, 1.8427007929497148693412206350826",
        "-3, -0.99997790950300141455862722387042, 1.9999779095030014145586272238704"
    })
    void errorFunctions(double x, double erf, double erfc) {
        assertNear(erf, ScalarFunctions.erf(x), 3);
        assertNear(erfc, ScalarFunctions.erfc(x), 4);
    }

    @ParameterizedTest
    @CsvSource({
        "0, 0.5",
        "1, 0.15865525393145705141476745436797",
        "-1, 0.84134474606854294858523254563204",
        "3, 0.0013498980316300945266518147675949",
        "5, 2.8665157187919391167375233287464e-7",
        "12, 1.7764821120776789704700402022463e-33",
        "-5, 0.99999971334842812080608832624767"
    })
    void normalTail(double x, double tail) {
        assertNear(tail, ScalarFunctions.normalTail(x), 6);
    }

    @Test
    void limits() {
        double infinity = Double.POSITIVE_INFINITY;
        assertEquals(0, ScalarFunctions.erfc(infinity));
        assertEquals(2, ScalarFunctions.erfc(-infinity));
        assertEquals(1, ScalarFunctions.erf(infinity));
        assertEquals(0, ScalarFunctions.normalTail(infinity));
        assertEquals(1, ScalarFunctions.normalTail(-infinity));
        assertEquals(0, ScalarFunctions.normalDensity(infinity));
        assertEquals(0, ScalarFunctions.sigmoid(-infinity));
        assertEquals(1, ScalarFunctions.sigmoid(infinity));
        assertTrue(Double.isNaN(ScalarFunctions.erfc(Double.NaN)));
        assertTrue(Double.isNaN(ScalarFunctions.normalTail(Double.NaN)));
    }

    /** The known answers of the authors' library Random123. */
    @Test
    void philox() {
        assertArrayEquals(
                new int[] {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}, Philox.block(0, 0, 0));
        assertArrayEquals(
                new int[] {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd},
                Philox.block(-1, -1, -1));
        assertArrayEquals(
                new int[] {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1},
                Philox.block(0x299f31d0a4093822L, 0x85a308d3243f6a88L, 0x0370734413198a2eL));
    }
}
