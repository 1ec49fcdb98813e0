// SPDX-License-Identifier: Apache-2.0
//
// libsystemc's own main calls sc_main; our programs have their own main, and this satisfies the linker.

extern "C" int sc_main(int, char**) {
  return 0;
}
