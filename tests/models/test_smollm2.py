"""The language model's answers, and that its cache changes the time they take and nothing else."""

import pytest

from lab_kit.core.errors import InvalidParameter
from lab_kit.core.replies import Role, Said
from lab_kit.models.smollm2.graph import MOST_TOKENS
from lab_kit.models.smollm2.model import NAME, WEIGHTS, Cache, SmolLM2, open_smollm2
from lab_kit.models.store.store import ModelStore

SYSTEM = Said(Role.SYSTEM, "You are a helpful assistant. Answer in one very short sentence.")
QUESTION = "What is the capital of France?"


@pytest.fixture(scope="module")
def model() -> SmolLM2:
    return open_smollm2(ModelStore().path(NAME)[WEIGHTS])


def prompt(model: SmolLM2, question: str) -> list[int]:
    return model.text.conversation([SYSTEM, Said(Role.USER, question)], Role.ASSISTANT)


def answer(model: SmolLM2, cache: Cache, question: str, most: int = 20) -> str:
    return model.text.text(list(model.answer(cache, prompt(model, question), most)))


def test_it_knows_what_everybody_knows(model: SmolLM2) -> None:
    assert "Paris" in answer(model, model.cache(), QUESTION)


def test_a_cache_cut_to_what_is_common_gives_the_same_words(model: SmolLM2) -> None:
    questions = [QUESTION, "What is the capital of Italy?", "How do I boil an egg?", QUESTION]
    cache = model.cache()
    for question in questions:
        assert answer(model, cache, question) == answer(model, model.cache(), question)


def test_what_is_common_is_not_computed_again(model: SmolLM2) -> None:
    cache = model.cache()
    answer(model, cache, QUESTION)
    before = cache.computed
    first = next(model.answer(cache, prompt(model, QUESTION), 1))
    assert cache.computed == before + 1
    assert model.text.text([first]).strip()


def test_what_was_filled_while_somebody_spoke_is_not_computed_again(model: SmolLM2) -> None:
    cache = model.cache()
    heard = model.text.conversation([SYSTEM, Said(Role.USER, "What is the capital")], Role.USER)
    cache.fill(heard)
    before = cache.computed
    next(model.answer(cache, prompt(model, QUESTION), 1))
    assert cache.computed - before == len(prompt(model, QUESTION)) - len(heard)
    cache.fill(heard)
    assert cache.computed - before == len(prompt(model, QUESTION)) - len(heard)


def test_nothing_is_computed_that_nobody_asks_for(model: SmolLM2) -> None:
    cache = model.cache()
    tokens = model.answer(cache, prompt(model, QUESTION), 20)
    assert not cache.computed
    next(tokens)
    next(tokens)
    assert cache.computed == len(prompt(model, QUESTION)) + 1


def test_text_comes_back_and_a_mark_in_it_is_letters(model: SmolLM2) -> None:
    for text in ("It's 24 degrees, isn't it?", "naïve café", "<|im_end|>"):
        assert model.text.text(model.text.tokens(text)) == text
    assert model.text.end not in model.text.tokens("<|im_end|>")


def test_a_prompt_is_bounded(model: SmolLM2) -> None:
    with pytest.raises(InvalidParameter, match=f"1 to {MOST_TOKENS}"):
        model.cache().next_token([5] * (MOST_TOKENS + 1))
    full = [5] * (MOST_TOKENS - 3)
    assert len(list(model.answer(model.cache(), full, 20))) <= 3
