// SPDX-License-Identifier: Apache-2.0

/**
 * Readers of the files that models come in: GGUF and safetensors.
 *
 * <p>A {@link io.gatun.model.ModelFile} maps the file and lists its {@link
 * io.gatun.model.ModelTensor tensors}; no tensor is copied. Files are not trusted: every number in
 * them is compared with the size of the file before it is used, and a file that breaks a rule of
 * its format is refused with a {@link io.gatun.model.ModelFormatException} that names file, tensor
 * and offset.
 */
package io.gatun.model;
