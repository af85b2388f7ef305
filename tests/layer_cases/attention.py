"""Attention, and the blocks of a transformer."""

from descend.nn.layers.attention import AdditiveAttention, Attention
from descend.nn.layers.multi_head import MultiHeadAttention
from descend.nn.layers.transformer import TransformerDecoder, TransformerEncoder
from descend.nn.regularizers import L1L2
from layer_cases.case import Case, Peer

PENALTY = L1L2(0.1, 0.2)

CASES = {
    "attention": Case(lambda: Attention(), ((4, 3), (5, 3)), (4, 3), masked=True),
    "attention three": Case(
        lambda: Attention(True, dropout=0.3, use_causal_mask=True),
        ((4, 3), (5, 2), (5, 3)),
        (4, 2),
        1,
        masked=True,
    ),
    "attention concat": Case(
        lambda: Attention(True, "concat"), ((4, 3), (5, 3)), (4, 3), 2, masked=True
    ),
    "additive attention": Case(
        lambda: AdditiveAttention(), ((4, 3), (5, 3)), (4, 3), 3, masked=True
    ),
    "additive attention plain": Case(
        lambda: AdditiveAttention(False, dropout=0.2),
        ((4, 3), (5, 2), (5, 3)),
        (4, 2),
        masked=True,
    ),
    # 3 (6 x 4 + 4) + (4 x 6 + 6)
    "multi head": Case(lambda: MultiHeadAttention(2, 2), (4, 6), (4, 6), 114, masked=True),
    # queries and keys 6 x 12, values and output 6 x 6
    "multi head causal": Case(
        lambda: MultiHeadAttention(
            3, 4, 2, 0.3, False, use_causal_mask=True, rotary=100.0, kernel_regularizer=PENALTY
        ),
        (4, 6),
        (4, 6),
        216,
        masked=True,
    ),
    # queries 5 x 4 + 4, values 3 x 6 + 6, keys 3 x 4 + 4, output 6 x 7 + 7
    "multi head cross": Case(
        lambda: MultiHeadAttention(2, 2, 3, output_shape=7),
        ((4, 5), (6, 3)),
        (4, 7),
        113,
        masked=True,
    ),
    # queries 5 x 4, values 3 x 6, keys 2 x 4, output 6 x 5
    "multi head three": Case(
        lambda: MultiHeadAttention(2, 2, 3, use_bias=False),
        ((4, 5), (6, 3), (6, 2)),
        (4, 5),
        76,
        masked=True,
    ),
    # attention 4 (4 x 4 + 4), norms 2 x 8, network 4 x 5 + 5 + 5 x 4 + 4
    "encoder": Case(
        lambda: TransformerEncoder(5, 2, activation="tanh"), (3, 4), (3, 4), 145, masked=True
    ),
    "encoder first": Case(
        lambda: TransformerEncoder(
            5,
            2,
            0.3,
            "gelu",
            normalize_first=True,
            use_causal_mask=True,
            kernel_regularizer=PENALTY,
        ),
        (3, 4),
        (3, 4),
        145,
        masked=True,
    ),
    "decoder": Case(
        lambda: TransformerDecoder(5, 2, activation="tanh"), (3, 4), (3, 4), 145, masked=True
    ),
    # and another attention and norm: 4 x 4 + 4 twice, 6 x 4 + 4 twice, 8
    "decoder cross": Case(
        lambda: TransformerDecoder(5, 2, 0.2, "gelu", normalize_first=True),
        ((3, 4), (5, 6)),
        (3, 4),
        249,
        masked=True,
    ),
}


def sizes(rng, count, low=1, high=7):
    return [int(n) for n in rng.integers(low, high, count)]


def sequences(rng, features, keys):
    """Shapes of queries and values, and sometimes of keys.

    With one step to look at, its weight is 1 whatever the scores, and their gradient rounding.
    """
    time, steps, values = sizes(rng, 3, 2)
    if rng.integers(2):
        return ((time, features), (steps, values), (steps, keys))
    return ((time, features), (steps, keys))


def attention(rng, cls=Attention):
    import keras

    features = sizes(rng, 1)[0]
    scale, causal = bool(rng.integers(2)), bool(rng.integers(2))
    mode = str(rng.choice(["dot", "concat"])) if cls is Attention else "dot"
    given = {"use_scale": scale} | ({"score_mode": mode} if cls is Attention else {})
    return Peer(
        cls(**given, use_causal_mask=causal),
        sequences(rng, features, features),
        lambda: getattr(keras.layers, cls.__name__)(**given),
        call=lambda layer, x: layer(list(x), use_causal_mask=causal),
    )


def multi_head(rng):
    import keras

    heads, length, values, out = sizes(rng, 4)
    given = {
        "value_dim": values if rng.integers(2) else None,
        # with 0, Keras takes a function of JAX that wants value_dim = key_dim
        "dropout": 0.1,
        "use_bias": bool(rng.integers(2)),
        "output_shape": out if rng.integers(2) else None,
    }
    causal = bool(rng.integers(2))
    alone = bool(rng.integers(2))
    shape = tuple(sizes(rng, 2, 2)) if alone else sequences(rng, *sizes(rng, 2))

    def call(layer, x):
        return layer(*(x if isinstance(x, tuple) else (x, x)), use_causal_mask=causal)

    return Peer(
        MultiHeadAttention(heads, length, **given, use_causal_mask=causal),
        shape,
        lambda: keras.layers.MultiHeadAttention(heads, length, **given),
        call=call,
    )


def in_torch(module, params, where):
    """PyTorch's state of a block from our arrays, still on the tape; `where`: ours -> theirs."""
    import torch

    state = {}
    for ours, theirs in where.items():
        d = params[f"{ours}.attention_output.bias"].shape[0]
        names = [f"{ours}.{n}" for n in ("query", "key", "value")]
        kernels = [params[f"{n}.kernel"].flatten(1).T for n in names]
        if kernels[1].shape[1] == d:
            state[f"{theirs}.in_proj_weight"] = torch.cat(kernels)
        else:  # an encoder of other width
            for letter, kernel in zip("qkv", kernels, strict=True):
                state[f"{theirs}.{letter}_proj_weight"] = kernel
        state[f"{theirs}.in_proj_bias"] = torch.cat([params[f"{n}.bias"].flatten() for n in names])
        state[f"{theirs}.out_proj.weight"] = (
            params[f"{ours}.attention_output.kernel"].reshape(-1, d).T
        )
        state[f"{theirs}.out_proj.bias"] = params[f"{ours}.attention_output.bias"]
    for ours, theirs in (("intermediate", "linear1"), ("output", "linear2")):
        state[f"{theirs}.weight"] = params[f"feedforward_{ours}_dense.kernel"].T
        state[f"{theirs}.bias"] = params[f"feedforward_{ours}_dense.bias"]
    for number, name in enumerate([*where, "feedforward"], 1):
        state[f"norm{number}.weight"] = params[f"{name}_layer_norm.gamma"]
        state[f"norm{number}.bias"] = params[f"{name}_layer_norm.beta"]
    assert state.keys() == dict(module.named_parameters()).keys()
    return state


ENCODER = {"self_attention": "self_attn"}
DECODER = ENCODER | {"cross_attention": "multihead_attn"}


def torch_encoder(layer, features, params, x, **masks):
    """PyTorch's encoder layer with our arrays."""
    import torch

    module = torch.nn.TransformerEncoderLayer(
        features,
        layer.num_heads,
        layer.intermediate_dim,
        0.0,
        layer.activation.__name__,
        layer.layer_norm_epsilon,
        batch_first=True,
        norm_first=layer.normalize_first,
    )
    if layer.use_causal_mask:
        steps = x.shape[1]
        masks |= {"src_mask": torch.ones(steps, steps, dtype=torch.bool).triu(1)}
    state = in_torch(module, params, ENCODER)
    return torch.func.functional_call(module, state, (x,), masks)


def torch_decoder(layer, features, params, x, **masks):
    """PyTorch's decoder layer with our arrays; the encoder's features must be the decoder's."""
    import torch

    module = torch.nn.TransformerDecoderLayer(
        features,
        layer.num_heads,
        layer.intermediate_dim,
        0.0,
        layer.activation.__name__,
        layer.layer_norm_epsilon,
        batch_first=True,
        norm_first=layer.normalize_first,
    )
    if layer.use_causal_mask:
        steps = x[0].shape[1]
        masks |= {"tgt_mask": torch.ones(steps, steps, dtype=torch.bool).triu(1)}
    state = in_torch(module, params, DECODER)
    return torch.func.functional_call(module, state, tuple(x), masks)


def transformer(rng, cls):
    heads, each, hidden = sizes(rng, 3, 1, 5)
    steps, others = sizes(rng, 2, 2)
    layer = cls(
        hidden,
        heads,
        activation=str(rng.choice(["relu", "gelu"])),
        normalize_first=bool(rng.integers(2)),
        use_causal_mask=bool(rng.integers(2)),
    )
    d = 2 * heads * each  # LN of one feature is 0, and its gradient the difference of equals
    if cls is TransformerEncoder:
        return layer, (steps, d), lambda p, x: torch_encoder(layer, d, p, x)
    return layer, ((steps, d), (others, d)), lambda p, x: torch_decoder(layer, d, p, x)


def encoder(rng):
    layer, shape, torch_layer = transformer(rng, TransformerEncoder)
    return Peer(layer, shape, torch=torch_layer)


def decoder(rng):
    layer, shape, torch_layer = transformer(rng, TransformerDecoder)
    return Peer(layer, shape, torch=torch_layer)


PEERS = {
    Attention: attention,
    AdditiveAttention: lambda rng: attention(rng, AdditiveAttention),
    MultiHeadAttention: multi_head,
    TransformerEncoder: encoder,
    TransformerDecoder: decoder,
}
