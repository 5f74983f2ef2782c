# find_package(tenon): tenon::tenon and tenon::runtime; tenon::nvinfer and tenon::nvinfer_lean where they are installed.
include(${CMAKE_CURRENT_LIST_DIR}/tenonTargets.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/tenonTensorrtTargets.cmake OPTIONAL)
