"""Keras's public names, list by list: which are here under the same name, differ, or are absent.

One table for three uses: the packages `descend.keras.layers` and its like take their names from it,
their errors say why a name is absent, and docs/keras.md is made of it (tools/keras_names.py).
A name is here if a home module has it; the table says only what is not plain.
"""

from __future__ import annotations

from descend.keras.lists import LISTS
from descend.keras.names import Names


def _each(names: str, note: str) -> dict[str, str]:
    return dict.fromkeys(names.split(), note)


_COLOUR = "colours are not changed here; RandomBrightness and RandomContrast are"
_BOXES = "object detection is not here"
_SHAPE = "a penalty of outputs is an output with a loss of its own; of weights: kernel_regularizer"
_ARRAY = "it needs code of another library inside the network; from_keras, from_torch carry weights"
_FILES = "files are read with descend.data.load, pandas or PIL into arrays"
_JSON = "a saved model names its parts by itself: model.save, load_model"
_EMA = "EarlyStopping puts the best epoch's weights back; descend.ensemble averages networks"
_BATCHLOSS = (
    "it is no mean over rows; write a class X(Loss) with call that returns one number a row"
)
_IOU = "segmentation masks are not judged here; write a Metric with rows and finish"
_OPTAX = "give Optax's own to compile(optimizer=optax.{})"
_GLOBAL = "nothing is global here"

TABLE: dict[str, Names] = {
    "layers": Names(
        ("descend.nn.layers", "descend.nn.symbols"),
        differs={
            "Dropout": "noise follows from fit(seed=), not from a seed of the layer",
            "Input": "the shape of one row; None for an axis of any size",
            "Lambda": "cannot be saved: it is code",
            "SpectralNormalization": "W/sigma also at prediction; training gives Keras's outputs",
            "MultiHeadAttention": "key_dim and num_heads as in Keras; no flash attention",
        },
        absent={
            "ActivityRegularization": _SHAPE,
            **dict.fromkeys(
                [f"Adaptive{kind}Pooling{d}D" for kind in ("Average", "Max") for d in (1, 2, 3)],
                "pooling has fixed windows; GlobalAveragePooling takes any size",
            ),
            **_each(
                "AugMix AutoContrast ContrastLimitedAdaptiveHistogramEqualization Equalization "
                "RandAugment RandomColorDegeneration RandomColorJitter RandomGaussianBlur "
                "RandomGrayscale RandomHue RandomInvert RandomPosterization RandomSaturation "
                "RandomSharpness Solarization",
                _COLOUR,
            ),
            "CutMix": "compile(mixup=alpha) mixes whole rows",
            "MixUp": "compile(mixup=alpha)",
            **dict.fromkeys(
                ("RandomElasticTransform", "RandomPerspective"),
                "RandomAffine, RandomRotation, RandomZoom and RandomTranslation are here",
            ),
            "RandomShear": "RandomAffine shears",
            "MaxNumBoundingBoxes": _BOXES,
            **dict.fromkeys(
                ("HashedCrossing", "Hashing"),
                "columns of a table are encoded by `descend fit`; levels of an "
                "array by pandas.Categorical",
            ),
            **dict.fromkeys(("FlaxLayer", "JaxLayer"), "write a class X(Layer) with jax.numpy"),
            **dict.fromkeys(("TFSMLayer", "TorchModuleWrapper"), _ARRAY),
            **dict.fromkeys(
                ("MelSpectrogram", "STFTSpectrogram"), "sound is turned into arrays before (SciPy)"
            ),
            "EinsumDense": "Dense, MultiHeadAttention, or a class X(Layer) with jnp.einsum",
            "GroupQueryAttention": "MultiHeadAttention is here",
            "InputLayer": "Input((4,)) is called in its place",
            "InputSpec": "a Layer says in build(input_shape) what it takes, by raising ShapeError",
            "Pipeline": "Sequential, or a Block",
            "ReversibleEmbedding": "Embedding and Dense",
            "Wrapper": "a class X(Layer) with a field that holds a layer",
            "serialize": _JSON,
            "deserialize": _JSON,
        },
        more=("Block", "DropConnect", "PositionEmbedding", "Residual", "TransformerEncoder"),
    ),
    "losses": Names(
        ("descend.nn.losses",),
        renamed={
            "serialize": "descend.nn.losses:describe",
            "deserialize": "descend.nn.losses:get",
        },
        differs={
            "KLDivergence": "targets are not clipped",
            "Loss": "call(y_true, y_pred) as in Keras; a loss called with weights divides by them",
            "SparseCategoricalCrossentropy": "no ignore_class",
            "categorical_crossentropy": "probabilities are not rescaled to sum one",
            "CategoricalCrossentropy": "probabilities are not rescaled to sum one",
            "get": "names of ours besides",
            "serialize": "a dict {name, options}, no class path",
            "deserialize": "reads what serialize gave",
        },
        absent={
            **dict.fromkeys(("CTC", "ctc"), "sequences without alignment are not trained here"),
            **dict.fromkeys(("Circle", "circle", "Dice", "dice", "Tversky", "tversky"), _BATCHLOSS),
            **dict.fromkeys(
                ("CategoricalGeneralizedCrossEntropy", "categorical_generalized_cross_entropy"),
                "SparseCategoricalCrossentropy; label_smoothing of CategoricalCrossentropy is "
                "the remedy against wrong labels here",
            ),
        },
    ),
    "metrics": Names(
        ("descend.train.metrics", "descend.nn.losses.functional"),
        renamed={"MeanMetricWrapper": "descend.train.metrics:FunctionMetric"},
        differs={
            "Metric": "rows and finish; Keras's add_weight, update_state, result where sums add up",
            "MeanMetricWrapper": "FunctionMetric(function, name)",
            "R2Score": "num_regressors counts rows, where Keras counts numbers",
            "get": "of compile: get(identifier, loss, classes)",
        },
        absent={
            **dict.fromkeys(("BinaryIoU", "IoU", "MeanIoU", "OneHotIoU", "OneHotMeanIoU"), _IOU),
            **dict.fromkeys(
                (
                    "ConcordanceCorrelation",
                    "PearsonCorrelation",
                    "concordance_correlation",
                    "pearson_correlation",
                ),
                "a correlation over the outputs of one row; over the rows R2Score is here",
            ),
            "serialize": _JSON,
            "deserialize": _JSON,
        },
    ),
    "optimizers": Names(
        ("descend.train.rules",),
        renamed={
            "schedules": "descend.keras.optimizers.schedules:",
            "serialize": "descend.train.rules:describe",
            "deserialize": "descend.train.rules:get",
        },
        differs={
            "Adagrad": "a function; the name 'adagrad' has the lecture's defaults",
            "Adam": "no amsgrad; epsilon is added behind the bias correction",
            "AdamW": "weight_decay by name",
            "Adamax": "epsilon is added to |g|",
            "Optimizer": "a frozen description on an Optax transformation",
            "SGD": "the velocity is without the rate (PyTorch's form)",
            "get": "names of ours besides",
            "serialize": "a dict {name, options}, no class path",
            "deserialize": "reads what serialize gave",
        },
        absent={
            "Adafactor": _OPTAX.format("adafactor(...)"),
            "Ftrl": "RMSprop or Adagrad; kernel_regularizer='l1' makes weights zero",
            "Lamb": _OPTAX.format("lamb(...)"),
            "LossScaleOptimizer": "compute_dtype='bfloat16' needs no scaling",
            "MultiOptimizer": _OPTAX.format("partition(...)"),
            "Muon": _OPTAX.format("contrib.muon(...)"),
            "OptimizerMap": _OPTAX.format("partition(...)"),
            "ScheduleFreeAdamW": _OPTAX.format("contrib.schedule_free_adamw(...)"),
            "legacy": "the rules of Keras 3 are here",
        },
    ),
    "schedules": Names(
        ("descend.train.rules.schedules",),
        renamed={
            "LearningRateSchedule": "descend.train.rules.schedules:Schedule",
            "serialize": "descend.train.rules.schedules:describe",
            "deserialize": "descend.train.rules.schedules:get",
        },
        differs={
            "serialize": "a dict {schedule, options}, no class path",
            "deserialize": "reads what serialize gave",
        },
        more=("OneCycle", "Warmup", "WarmupCosine"),
    ),
    "callbacks": Names(
        ("descend.train.callbacks", "descend.train.engine.history"),
        differs={
            "BackupAndRestore": "by epoch alone; the run that goes on is bit-equal",
            "Callback": "hooks by batch are refused: an epoch is one program; self.run besides",
            "EarlyStopping": "restore_best_weights is True",
            "History": "what fit returns; it is no callback",
            "LambdaCallback": "hooks by batch are refused",
            "ModelCheckpoint": "by epoch alone (every=k); the file resumes the run, bit-equal",
            "TensorBoard": "logs and histograms by epoch; no graph, images, profile",
            "TerminateOnNaN": "keeps the weights from before the epoch; without it fit raises",
            "ReduceLROnPlateau": "factor must lie in (0, 1)",
        },
        absent={
            "CallbackList": "fit(callbacks=[...]) takes a list",
            "OrbaxCheckpoint": "ModelCheckpoint writes what fit(resume=) goes on from",
            "ProgbarLogger": "fit(verbose=1)",
            "RemoteMonitor": "write on_epoch_end(epoch, logs) that sends logs",
            "SwapEMAWeights": _EMA,
        },
    ),
    "regularizers": Names(
        ("descend.nn.regularizers",),
        renamed={
            "Regularizer": "descend.nn.regularizers:L1L2",
            "serialize": "descend.nn.regularizers:describe",
            "deserialize": "descend.nn.regularizers:get",
        },
        differs={
            "Regularizer": "L1L2, the one penalty there is",
            "L1": "a function that gives L1L2",
            "L2": "a function that gives L1L2",
            "serialize": "a dict {l1, l2}",
            "deserialize": "reads what serialize gave",
        },
        absent=dict.fromkeys(
            ("OrthogonalRegularizer", "orthogonal_regularizer"),
            "the initializer 'orthogonal' is here; penalties are l1 and l2",
        ),
    ),
    "initializers": Names(
        ("descend.nn.initializers",),
        renamed={
            "IdentityInitializer": "descend.nn.initializers:Identity",
            "OrthogonalInitializer": "descend.nn.initializers:Orthogonal",
            "serialize": "descend.nn.initializers:describe",
            "deserialize": "descend.nn.initializers:get",
            **{
                lower: f"descend.nn.initializers:{name}"
                for lower, name in (
                    ("constant", "Constant"),
                    ("glorot_normal", "GlorotNormal"),
                    ("glorot_uniform", "GlorotUniform"),
                    ("he_normal", "HeNormal"),
                    ("he_uniform", "HeUniform"),
                    ("identity", "Identity"),
                    ("lecun_normal", "LecunNormal"),
                    ("lecun_uniform", "LecunUniform"),
                    ("ones", "Ones"),
                    ("orthogonal", "Orthogonal"),
                    ("random_normal", "RandomNormal"),
                    ("random_uniform", "RandomUniform"),
                    ("truncated_normal", "TruncatedNormal"),
                    ("variance_scaling", "VarianceScaling"),
                    ("zeros", "Zeros"),
                )
            },
        },
        differs={
            "Initializer": "called with (key, shape, dtype)",
            "serialize": "[name, options]",
            "deserialize": "reads what serialize gave",
        },
        absent=dict.fromkeys(("STFT", "STFTInitializer", "stft"), "sound is not treated here"),
    ),
    "activations": Names(
        ("descend.nn.activations",),
        renamed={
            "hard_swish": "descend.nn.activations:hard_silu",
            "silu": "descend.nn.activations:swish",
            "serialize": "descend.nn.activations:describe",
            "deserialize": "descend.nn.activations:get",
        },
        differs={
            "gelu": "the exact form; gelu_tanh is the approximation",
            "leaky_relu": "slope .01 as in the lecture, Keras .2: leaky_relu(z, slope=.2)",
            "serialize": "a name or [name, options]",
            "deserialize": "reads what serialize gave",
        },
        absent=_each(
            "celu glu hard_shrink log_sigmoid log_softmax soft_shrink sparse_plus "
            "sparse_sigmoid sparsemax squareplus tanh_shrink threshold",
            "relu, elu, softplus and their like are here; another formula is a class X(Layer)",
        ),
        more=("swish",),
    ),
    "constraints": Names(
        absent=dict.fromkeys(
            LISTS["constraints"],
            "weights are kept small by a penalty (kernel_regularizer='l2'); an output is kept "
            "above zero by its activation",
        ),
    ),
    "utils": Names(
        (
            "descend.train.model.preparing",
            "descend.train.model.seeds",
            "descend.train.model.batches",
        ),
        renamed={
            "Sequence": "descend.train.model.batches:PyDataset",
            "plot_model": "descend.train.model.plotting:plot_model",
            "clear_session": "descend.keras.backend:clear_session",
        },
        differs={
            "PyDataset": "batches are read one after the other; no workers",
            "Sequence": "batches are read one after the other; no workers",
            "clear_session": "does nothing: nothing is global here",
            "plot_model": "SVG",
            "set_random_seed": "seeds Python, NumPy, and the networks built from then on",
        },
        absent={
            **_each(
                "Config CustomObjectScope custom_object_scope deserialize_keras_object "
                "get_custom_objects get_registered_name get_registered_object "
                "register_keras_serializable serialize_keras_object",
                "load_model(path, custom={...}) is given own classes; nothing is registered",
            ),
            **_each(
                "array_to_img audio_dataset_from_directory get_file img_to_array load_img "
                "image_dataset_from_directory save_img text_dataset_from_directory",
                _FILES,
            ),
            "FeatureSpace": "`descend fit` encodes the columns of a table",
            "Progbar": "fit(verbose=1)",
            "bounding_boxes": _BOXES,
            **dict.fromkeys(
                (
                    "disable_interactive_logging",
                    "enable_interactive_logging",
                    "is_interactive_logging_enabled",
                ),
                "fit(verbose=...)",
            ),
            **dict.fromkeys(
                ("get_source_inputs", "is_keras_tensor"), "a symbol is a descend.nn.symbols.Symbol"
            ),
            "legacy": _GLOBAL,
            "model_to_dot": "plot_model draws the network",
            **dict.fromkeys(
                ("pack_x_y_sample_weight", "unpack_x_y_sample_weight"),
                "a step of training is compiled; fit takes (x, y, sample_weight)",
            ),
            "standardize_dtype": "numbers are float32",
            "split_dataset": "descend.data.splits, or sklearn.model_selection.train_test_split",
        },
    ),
    "datasets": Names(
        ("descend.keras.sets",),
        differs={
            "mnist": "read from descend's own cache folder, checked by SHA-256",
            "fashion_mnist": "read from descend's own cache folder, checked by SHA-256",
        },
        absent=_each(
            "boston_housing california_housing cifar10 cifar100 imdb reuters",
            "mnist and fashion_mnist are here; descend.data.load reads tables by name or file "
            "(load('housing') and its like: `descend describe --help`)",
        ),
    ),
    "models": Names(
        ("descend.train.model.model", "descend.train.saving.loading", "descend"),
        renamed={
            "save_model": "descend.keras.sets:save_model",
            "model_from_json": "descend.train.saving.loading:model_from_json",
        },
        differs={
            "model_from_json": "reads what descend's to_json wrote",
            "load_model": "reads descend's own files; from_keras carries a Keras model over",
            "Model": "functional, or a class with call; train_step is compile(task=...) here; no "
            "weighted_metrics",
            "save_model": "model.save(path), descend's own file",
        },
    ),
}
