"""Modules made from options: a class declares each once, and constructor, checks and documentation follow from it.

A static type checker reads the declarations as the fields of a dataclass, and so knows the arguments of every class.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import InitVar, replace
from typing import Any, ClassVar, dataclass_transform

from torch import nn

from framecast.functional import REQUIRED, Option, StepRule, document, options_of_rule, unknown_option


def option(
    *,
    default: Any = REQUIRED,
    meaning: str = "",
    rule: Callable[..., Any] | None = None,
    spatial: bool = False,
    per_layer: bool = False,
    kw_only: bool = True,
    stored: bool = True,
) -> Any:
    """Declare an option; see :class:`framecast.functional.Option` for the arguments.

    Args:
        default: the value where the caller gives none; or a definition, of an option that is defined elsewhere.
        meaning: what it does.
        rule: its check.
        spatial: it concerns spatial axes.
        per_layer: a list gives one value per layer.
        kw_only: it may be given by keyword only.
        stored: it becomes an attribute.
    """
    if isinstance(default, Option):
        return replace(default, positional=not kw_only)
    return Option(default, meaning, rule, spatial, per_layer, not kw_only, stored)


class _Docstring:
    """The docstring of a class with its options described, made when somebody asks for it: not at import."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __get__(self, instance: object, owner: type[OptionModule]) -> str:
        return document(self.text, owner._options)


class _Signature:
    """The signature of a class whose constructor takes its options, made when somebody asks for it."""

    def __get__(self, instance: object, owner: type[OptionModule]) -> inspect.Signature:
        if owner.__init__ is not OptionModule.__init__:
            raise AttributeError("__signature__")  # a constructor of the class's own
        types: dict[str, Any] = {}
        for part in (getattr(owner, "step_rule", None), *reversed(owner.__mro__)):
            if isinstance(part, type) and issubclass(part, (OptionModule, StepRule)):
                types |= _annotations(part)
        return inspect.Signature([o.parameter(name, types.get(name, Any)) for name, o in owner._options.items()])


def _annotations(owner: type) -> dict[str, Any]:
    try:
        types = inspect.get_annotations(owner, eval_str=True)
    except NameError:  # a name that is imported for type checkers only
        types = inspect.get_annotations(owner)
    return {name: hint.type if isinstance(hint, InitVar) else hint for name, hint in types.items()}


@dataclass_transform(eq_default=False, kw_only_default=True, field_specifiers=(option,))
class OptionModule(nn.Module):
    """A module whose constructor takes the options that its class and its bases declare.

    Arguments by position come in the order of declaration, those of the bases first, as in dataclasses. Every option
    becomes an attribute; then ``__post_init__`` is called with those that do not.
    """

    step_rule: ClassVar[Callable[..., StepRule]]
    spatial_axes: ClassVar[int] = 0
    __signature__: ClassVar[Any] = _Signature()
    _options: ClassVar[Mapping[str, Option]] = {}
    _options_of_all: ClassVar[dict[str, Option]] = {}

    def __init_subclass__(cls) -> None:
        """Gather the options and describe them in the docstring."""
        super().__init_subclass__()
        OptionModule._options_of_all.update({k: o for k, o in vars(cls).items() if isinstance(o, Option)})
        cls._options = _gather(cls)
        cls.__doc__ = _Docstring(cls.__doc__ or "")  # type: ignore[assignment]

    def __init__(self, *arguments: object, **options: object) -> None:
        super().__init__()
        values = self._bind(arguments, options)
        passed = {name: o.check(name, values.pop(name), 0) for name, o in self._options.items() if not o.stored}
        vars(self).update(values)  # not by setattr, which takes modules (activations may be some) for children
        self.__post_init__(**passed)

    def __post_init__(self, device: Any, dtype: Any) -> None:
        """Complete the construction; the options are attributes."""

    @classmethod
    def _bind(cls, arguments: tuple[object, ...], options: Mapping[str, object]) -> dict[str, Any]:
        """Values of all options.

        Raises:
            TypeError: if the caller gave too many, too few or one twice, or a name that no class has.
            ValueError: if an option has no meaning for this class.
        """
        name_of_class = cls.__name__
        places = [name for name, o in cls._options.items() if o.positional]
        if len(arguments) > len(places):
            raise TypeError(
                f"{name_of_class}() takes {len(places)} arguments by position ({', '.join(places)}), "
                f"got {len(arguments)}"
            )
        values = dict(zip(places, arguments, strict=False))
        for name, value in options.items():
            if name in values:
                raise TypeError(f"{name_of_class}() got `{name}` by position and by keyword")
            if name in cls._options:
                values[name] = value
            else:
                cls._refuse(name, value)
        for name, o in cls._options.items():
            if values.setdefault(name, o.default) is REQUIRED:
                raise TypeError(f"{name_of_class}() needs `{name}`")
        return values

    @classmethod
    def _refuse(cls, name: str, value: object) -> None:
        """Refuse an option that the class does not have; its default in other classes does no harm."""
        known = OptionModule._options_of_all.get(name)
        if known is None:
            raise unknown_option(cls.__name__, name, cls._options)
        if value != known.default:
            lack = "no spatial axes" if known.spatial and cls.spatial_axes == 0 else "no such option"
            raise ValueError(f"`{name}` (={value!r}) has no meaning here: {cls.__name__} has {lack}")

    def _check(self) -> dict[str, Any]:
        """Check all options; return their values, spread over the axes."""
        axes = self.spatial_axes
        return self._note({name: o.check(name, getattr(self, name), axes) for name, o in self._stored().items()})

    def _check_layers(self, layers: int) -> list[dict[str, Any]]:
        """Check all options; return the values of every layer, spread over the axes."""
        axes = self.spatial_axes
        columns = {name: o.spread(name, getattr(self, name), axes, layers) for name, o in self._stored().items()}
        values = [{name: column[k] for name, column in columns.items()} for k in range(layers)]
        self._note(values[0])
        return values

    def _stored(self) -> dict[str, Option]:
        return {name: o for name, o in self._options.items() if o.stored}

    def _note(self, values: dict[str, Any]) -> dict[str, Any]:
        """Keep checked values as attributes, where nothing was spread."""
        vars(self).update({k: values[k] for k, o in self._stored().items() if not (o.spatial or o.per_layer)})
        return values

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take a pickled state; options that were not attributes when it was written get their values."""
        super().__setstate__(state)
        values = {name: o.default for name, o in self._options.items() if o.stored} | state.get("_shown", {})
        vars(self).update({name: value for name, value in values.items() if name not in state})

    def extra_repr(self) -> str:
        """The options that differ from their defaults, as torch prints them."""
        shown = []
        for name, o in self._options.items():
            if o.default is REQUIRED:
                shown.append(repr(getattr(self, name)))
            elif o.stored and (name == "kernel_size" or getattr(self, name) != o.default):
                shown.append(f"{name}={getattr(self, name)!r}")
        return ", ".join(shown)


def _gather(owner: type[OptionModule]) -> dict[str, Option]:
    """The options of a class: those by position, those of its step rule alone, and those by keyword."""
    by_position: dict[str, Option] = {}
    by_keyword: dict[str, Option] = {}
    bases = [base for base in owner.__mro__ if issubclass(base, OptionModule)]
    for base in reversed(bases):
        by_position |= {name: o for name, o in vars(base).items() if isinstance(o, Option) and o.positional}
    for base in bases:
        for name, o in vars(base).items():
            if isinstance(o, Option) and not o.positional:
                by_keyword.setdefault(name, o)
    rule = options_of_rule(owner.step_rule) if hasattr(owner, "step_rule") else {}
    own = {name: o for name, o in rule.items() if name not in by_position and name not in by_keyword}
    return {name: _as_declared(rule.get(name), o) for name, o in (by_position | own | by_keyword).items()}


def _as_declared(rule: Option | None, o: Option) -> Option:
    """The definition of the step rule, where there is one, by position where the class says so."""
    return o if rule is None else replace(rule, positional=o.positional)
