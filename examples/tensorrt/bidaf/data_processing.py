"""Where the data are, and from sentences to the numbers that the cut model takes."""

import json
import os
import re

import numpy as np

CHARACTERS = 16


def parse(parser):
    """The arguments, the data directory among them."""
    default = os.environ.get("TRT_DATA_DIR")
    parser.add_argument("-d", "--data", default=default, help="of bidaf.onnx; or TRT_DATA_DIR")
    arguments = parser.parse_args()
    if not arguments.data:
        parser.error("give the data directory by -d or TRT_DATA_DIR")
    return arguments


def tokens(sentence):
    return re.findall(r"'s\b|\w+|[^\w\s]", sentence)


def preprocess(sentence, words, characters):
    """Word numbers [n, 1] and character numbers [n, 1, 1, 16] of a sentence, and its tokens."""
    found = tokens(sentence)
    with open(f"{words}.json") as file:
        word_map = json.load(file)
    with open(f"{characters}.json") as file:
        character_map = json.load(file)
    numbers = [[word_map.get(token.lower(), 0)] for token in found]
    letters = [[*token[:CHARACTERS], *[""] * (CHARACTERS - len(token))] for token in found]
    letters = [[[[character_map.get(each, 1) for each in row]]] for row in letters]
    return np.array(numbers, np.int64), np.array(letters, np.int64), found


def feeds(context, query):
    """The inputs by name, and the context's tokens."""
    words, letters, found = preprocess(context, "CategoryMapper_4", "CategoryMapper_5")
    query_words, query_letters, _ = preprocess(query, "CategoryMapper_6", "CategoryMapper_7")
    names = [f"CategoryMapper_{i}" for i in (4, 5, 6, 7)]
    return dict(zip(names, (words, letters, query_words, query_letters))), found
