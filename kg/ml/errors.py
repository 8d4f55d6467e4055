"""What kg.ml raises. All derive from :class:`kg.errors.JingweiError`."""

from kg.errors import JingweiError


class LearningError(JingweiError):
    code = "LEARNING_ERROR"
    about = "Learning could not do what was asked."


class UnknownName(LearningError):
    code = "LEARNING_UNKNOWN_NAME"
    about = "An entity, relation, moment, brand or region is not one that the model was trained on."


class UnusableData(LearningError):
    code = "LEARNING_UNUSABLE_DATA"
    about = "Training or evaluation data cannot be learned from: empty, one class only, wrong shape, NaN or infinite."


class ModelFileError(LearningError):
    code = "LEARNING_MODEL_FILE"
    about = "A model file is missing, truncated, altered or of another kind."


class SchemaMismatch(ModelFileError):
    code = "LEARNING_SCHEMA_MISMATCH"
    about = "A model was trained under another schema than the one in force."


class NotFitted(LearningError):
    code = "LEARNING_NOT_FITTED"
    about = "A model was asked to score before it was fitted or loaded."


class BeforeSplit(LearningError):
    code = "LEARNING_BEFORE_SPLIT"
    about = "A model was asked about an instant before its split, when what it learned from was not yet known."
