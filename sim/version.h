// SPDX-License-Identifier: Apache-2.0

#ifndef SIDEWINDER_SIM_VERSION_H
#define SIDEWINDER_SIM_VERSION_H

namespace sidewinder::sim {

extern const char version[];  ///< the build's PROJECT_VERSION

}  // namespace sidewinder::sim

#endif
