"""What Danqing can do, as functions. Each long one returns an Act: iterate over its Progress, then take the result."""

from danqing.api.act import Act
from danqing.api.data_care import Care, check_data, fix_data
from danqing.api.examining import Examination, examine
from danqing.api.folding import Folds, cross_validate
from danqing.api.judging import ReportCard, evaluate, report_card
from danqing.api.judging_painter import evaluate_painter
from danqing.api.lesson_pictures import Lesson
from danqing.api.likeness import Guess, Kin, describe, embedding_of, sources
from danqing.api.models import Model, load
from danqing.api.painter_report import PainterReport
from danqing.api.painting import edit, interpolate, reconstruct, sample
from danqing.api.recipes import Replayed, info, replay
from danqing.api.schooling import Schooled, train_painter
from danqing.api.searching import Found, Trial, search
from danqing.api.studios import Studio, load_painter
from danqing.api.style_schooling import train_styler
from danqing.api.stylizing import exemplars, stylize, stylize_all, stylize_film
from danqing.api.teaching import taught_style, teach, teach_style
from danqing.api.texttopicture import Painted, blend, glimpse, paint, vary
from danqing.api.training import Trained, train
from danqing.api.upscaling import upscale
from danqing.home import taught_names

__all__ = [
    "Act",
    "Care",
    "Examination",
    "Folds",
    "Found",
    "Guess",
    "Kin",
    "Lesson",
    "Model",
    "Painted",
    "PainterReport",
    "Replayed",
    "ReportCard",
    "Schooled",
    "Studio",
    "Trained",
    "Trial",
    "blend",
    "check_data",
    "cross_validate",
    "describe",
    "edit",
    "embedding_of",
    "evaluate",
    "evaluate_painter",
    "examine",
    "exemplars",
    "fix_data",
    "glimpse",
    "info",
    "interpolate",
    "load",
    "load_painter",
    "paint",
    "reconstruct",
    "replay",
    "report_card",
    "sample",
    "search",
    "sources",
    "stylize",
    "stylize_all",
    "stylize_film",
    "taught_names",
    "taught_style",
    "teach",
    "teach_style",
    "train",
    "train_painter",
    "train_styler",
    "upscale",
    "vary",
]
