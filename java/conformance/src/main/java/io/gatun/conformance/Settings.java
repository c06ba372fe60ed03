/* SPDX-License-Identifier: Apache-2.0 */
package io.gatun.conformance;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** The scalar arguments of one call of an operation. Immutable. */
public final class Settings {
    private final Map<String, Object> values;

    private Settings(Map<String, Object> values) {
        this.values = values;
    }

    /**
     * The default value of each setting.
     *
     * @param settings the settings of an operation
     * @return their default values
     */
    public static Settings defaults(List<Setting> settings) {
        Map<String, Object> values = new LinkedHashMap<>();
        settings.forEach(s -> values.put(s.name(), s.defaultValue()));
        return new Settings(values);
    }

    /**
     * The same with one value changed.
     *
     * @param name the name of a setting
     * @param value its value, of the type of its default
     * @return the changed copy
     * @throws IllegalArgumentException if the operation has no such setting, or it has another type
     */
    public Settings with(String name, Object value) {
        Object old = get(name);
        if (old.getClass() != value.getClass()) {
            throw new IllegalArgumentException(
                    name
                            + ": expected a "
                            + old.getClass().getSimpleName()
                            + ", but it is a "
                            + value.getClass().getSimpleName());
        }
        Map<String, Object> changed = new LinkedHashMap<>(values);
        changed.put(name, value);
        return new Settings(changed);
    }

    /**
     * A floating-point value.
     *
     * @param name the name of the setting
     * @return its value
     */
    public float number(String name) {
        return (Float) get(name);
    }

    /**
     * A count.
     *
     * @param name the name of the setting
     * @return its value
     */
    public long count(String name) {
        return (Long) get(name);
    }

    /**
     * A switch.
     *
     * @param name the name of the setting
     * @return its value
     */
    public boolean flag(String name) {
        return (Boolean) get(name);
    }

    /**
     * A choice.
     *
     * @param name the name of the setting
     * @param type the type of its values
     * @param <E> the type of its values
     * @return its value
     */
    public <E extends Enum<E>> E choice(String name, Class<E> type) {
        return type.cast(get(name));
    }

    private Object get(String name) {
        Object value = values.get(name);
        if (value == null) {
            throw new IllegalArgumentException(
                    "name: expected one of " + values.keySet() + ", but it is " + name);
        }
        return value;
    }

    /** All values in the form {@code eps=1.0E-5 eps-mode=in-sqrt}. */
    @Override
    public String toString() {
        return values.entrySet().stream()
                .map(e -> e.getKey() + "=" + Setting.label(e.getValue()))
                .collect(Collectors.joining(" "));
    }
}
