// The tensors of an architecture from its dimensions; private to this folder.
#pragma once
#include <string_view>
#include <vector>

#include "workloads/shapes/model_shape.h"

namespace mb {

// In the order in which GGUF converters write them, each with the type that its label's recipe
// gives. Names and shapes are those that llama.cpp asks for when it loads the architecture.
std::vector<Tensor> list_tensors(const ModelShape& shape);

// What a tensor of a GGUF is for, by its name; `moe` tells experts stored one by one apart.
TensorClass class_of_tensor(std::string_view name);

// "blk.3.attn_q.weight" -> 3 and "attn_q"; "output.weight" -> -1 and "output".
struct TensorName {
  int layer = -1;
  std::string_view role;
};
TensorName split_tensor_name(std::string_view name);

}  // namespace mb
