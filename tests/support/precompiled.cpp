// SPDX-License-Identifier: Apache-2.0
//
// Carries the tests' precompiled headers, which CMake makes only for a target with a source.
