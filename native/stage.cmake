# SPDX-License-Identifier: Apache-2.0
#
# Lays a built library out as the natives jar holds it, with its SHA-256 beside it:
#     cmake -DLIBRARY=<file> -DDIRECTORY=<folder> -P native/stage.cmake
cmake_minimum_required(VERSION 3.20)

get_filename_component(name "${LIBRARY}" NAME)
file(REMOVE_RECURSE "${DIRECTORY}")
# The copy is of the file, whatever versioned name a symbolic link has for it.
file(REAL_PATH "${LIBRARY}" library)
configure_file("${library}" "${DIRECTORY}/${name}" COPYONLY)
file(SHA256 "${DIRECTORY}/${name}" hash)
file(WRITE "${DIRECTORY}/${name}.sha256" "${hash}  ${name}\n")
