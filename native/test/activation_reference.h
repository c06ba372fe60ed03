/* SPDX-License-Identifier: Apache-2.0 */
/* The activations in double precision, from their textbook formulas and the C library. */
#ifndef GATUN_TEST_ACTIVATION_REFERENCE_H
#define GATUN_TEST_ACTIVATION_REFERENCE_H

/* An activation with parameters, as the tests go through them. */
typedef struct activation_form {
    const char *name;
    int activation;
    float first, second;
    int nan_to_zero;
} activation_form;

/* Every gatun_activation_kind, some with more than one set of parameters. */
extern const activation_form activation_forms[];
extern const int activation_form_count;

double activation_value(const activation_form *form, double x);

/* g * f'(x), where a step that does not let it through gives 0. */
double activation_gradient(const activation_form *form, double g, double x);

/* The same from y = f(x); NaN for kinds that have no such form. */
double activation_gradient_of_output(const activation_form *form, double g, double y);

/* Whether gatun_activation_output_backward, or the gated activations, know the kind. */
int activation_has_output_form(const activation_form *form);
int activation_has_gated_form(const activation_form *form);

#endif
