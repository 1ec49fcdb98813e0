# SPDX-License-Identifier: Apache-2.0
# The models as a package for other SystemC platforms: find_package(Sidewinder), target Sidewinder::tlm.
#   cmake --install build/release --prefix DIR --component sidewinder
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(rooms models arch smmuv2 smmuv3 tlm)
foreach(room IN LISTS rooms)
  set_target_properties(sidewinder_${room} PROPERTIES EXPORT_NAME ${room})
endforeach()
set_target_properties(sidewinder_systemc PROPERTIES EXPORT_NAME systemc)
list(TRANSFORM rooms PREPEND sidewinder_)
install(TARGETS ${rooms} sidewinder_systemc EXPORT Sidewinder
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT sidewinder)

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/Sidewinder)
install(EXPORT Sidewinder NAMESPACE Sidewinder:: FILE SidewinderTargets.cmake DESTINATION ${package}
  COMPONENT sidewinder)
foreach(room models iommu/layout iommu/arch iommu/smmuv2 iommu/smmuv3 iommu/tlm)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/${room}/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/sidewinder/${room}
    COMPONENT sidewinder FILES_MATCHING PATTERN "*.h")
endforeach()

configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/SidewinderConfig.cmake.in
  ${PROJECT_BINARY_DIR}/SidewinderConfig.cmake INSTALL_DESTINATION ${package})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/SidewinderConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/SidewinderConfig.cmake ${PROJECT_BINARY_DIR}/SidewinderConfigVersion.cmake
  DESTINATION ${package} COMPONENT sidewinder)
