"""A BERT sentence encoder as an ONNX graph, built from its weights.

Devlin et al. 2019 (BERT, post-layer-norm) with sentence-transformers' head: mean of the token states under the
attention mask, divided by its L2 norm. The norm makes the division by the token count unnecessary.

Standard operators only (opset 20 has LayerNormalization and Gelu); measured beside com.microsoft's fused Attention,
ONNX Runtime's own optimiser is as fast from these.

Imports `onnx`: load this module only to build.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from embedding_worker.models.weights import EncoderConfig

INPUT_IDS, ATTENTION_MASK, EMBEDDING = "input_ids", "attention_mask", "embedding"
_OPSET, _IR_VERSION = 20, 10
# Added to the attention scores of padding: e^-10000 is 0 in float32, so padding never changes a result.
_MASKED = -10_000.0


class _Encoder:
    def __init__(self, weights: Mapping[str, NDArray[np.float32]], config: EncoderConfig) -> None:
        self._weights = weights
        self._config = config
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def build(self) -> onnx.ModelProto:
        hidden = self._config.hidden_size
        self._constant("heads.split", np.array([0, 0, self._config.heads, hidden // self._config.heads], np.int64))
        self._constant("heads.merge", np.array([0, 0, hidden], np.int64))
        self._constant("scale", np.float32(np.sqrt(hidden // self._config.heads)))
        states = self._embeddings()
        mask = self._op("Cast", ATTENTION_MASK, to=TensorProto.FLOAT)
        bias = self._attention_bias(mask)
        for layer in range(self._config.layers):
            states = self._layer(f"encoder.layer.{layer}", states, bias)
        self._pool(states, mask)
        tokens = ["batch", "tokens"]
        graph = helper.make_graph(
            self._nodes,
            "sentence_encoder",
            [helper.make_tensor_value_info(name, TensorProto.INT64, tokens) for name in (INPUT_IDS, ATTENTION_MASK)],
            [helper.make_tensor_value_info(EMBEDDING, TensorProto.FLOAT, ["batch", hidden])],
            self._constants,
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)

    def _embeddings(self) -> str:
        words = self._op("Gather", self._weight("embeddings.word_embeddings.weight"), INPUT_IDS)
        # Every token of a single text is of type 0, so its vector is added to the positions once, here.
        token_type = self._weights["embeddings.token_type_embeddings.weight"][0]
        positions = self._constant("positions", self._weights["embeddings.position_embeddings.weight"] + token_type)
        start = self._constant("start", np.array([0], np.int64))
        length = self._op("Shape", INPUT_IDS, start=1, end=2)
        used = self._op("Slice", positions, start, length, start)
        return self._layer_norm("embeddings.LayerNorm", self._op("Add", words, used))

    def _attention_bias(self, mask: str) -> str:
        """(batch, 1, 1, tokens): 0 for a token, a large negative number for padding."""
        axes = self._constant("axes.heads", np.array([1, 2], np.int64))
        padding = self._op("Sub", self._constant("one", np.float32(1)), self._op("Unsqueeze", mask, axes))
        return self._op("Mul", padding, self._constant("masked", np.float32(_MASKED)))

    def _layer(self, name: str, states: str, bias: str) -> str:
        attended = self._dense(
            f"{name}.attention.output.dense", self._attention(f"{name}.attention.self", states, bias)
        )
        states = self._layer_norm(f"{name}.attention.output.LayerNorm", self._op("Add", attended, states))
        inner = self._op("Gelu", self._dense(f"{name}.intermediate.dense", states))
        outer = self._dense(f"{name}.output.dense", inner)
        return self._layer_norm(f"{name}.output.LayerNorm", self._op("Add", outer, states))

    def _attention(self, name: str, states: str, bias: str) -> str:
        query = self._heads(f"{name}.query", states, [0, 2, 1, 3])
        key_transposed = self._heads(f"{name}.key", states, [0, 2, 3, 1])
        value = self._heads(f"{name}.value", states, [0, 2, 1, 3])
        scores = self._op("Div", self._op("MatMul", query, key_transposed), "scale")
        weights = self._op("Softmax", self._op("Add", scores, bias), axis=-1)
        mixed = self._op("Transpose", self._op("MatMul", weights, value), perm=[0, 2, 1, 3])
        return self._op("Reshape", mixed, "heads.merge")

    def _heads(self, name: str, states: str, order: list[int]) -> str:
        return self._op("Transpose", self._op("Reshape", self._dense(name, states), "heads.split"), perm=order)

    def _dense(self, name: str, states: str) -> str:
        kernel = self._constant(f"{name}.kernel", self._weights[f"{name}.weight"].T)
        return self._op("Add", self._op("MatMul", states, kernel), self._weight(f"{name}.bias"))

    def _layer_norm(self, name: str, states: str) -> str:
        scale, shift = self._weight(f"{name}.weight"), self._weight(f"{name}.bias")
        return self._op("LayerNormalization", states, scale, shift, axis=-1, epsilon=self._config.layer_norm_epsilon)

    def _pool(self, states: str, mask: str) -> None:
        axis = self._constant("axes.pool", np.array([1], np.int64))
        total = self._op("Squeeze", self._op("MatMul", self._op("Unsqueeze", mask, axis), states), axis)
        self._op("LpNormalization", total, output=EMBEDDING, axis=-1, p=2)

    def _weight(self, name: str) -> str:
        return self._constant(name, self._weights[name])

    def _constant(self, name: str, value: NDArray[np.float32] | NDArray[np.int64] | np.float32) -> str:
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(value).reshape(np.shape(value)), name))
        return name

    def _op(self, operator: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        output = output or f"{operator}.{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output


def write_graph(weights: Mapping[str, NDArray[np.float32]], config: EncoderConfig, path: Path) -> None:
    """Write `path` (the graph) and `path`.data (the weights), which ONNX Runtime maps instead of copying."""
    onnx.save_model(
        _Encoder(weights, config).build(),
        path,
        save_as_external_data=True,
        all_tensors_to_one_file=True,
        location=f"{path.name}.data",
        size_threshold=1024,
    )
