"""Public holidays of countries and their parts, as the package holidays knows them; it is imported when asked for."""

from collections.abc import Mapping
from datetime import date
from importlib.metadata import version

from slo.config.names import Names
from slo.config.wrong import shown, wrong

YEARS_BEFORE, YEARS_AFTER = 1, 5
"""For which years around the current one holidays are resolved: further ones are not decided yet."""


def public_holidays(country: str, subdivision: str, *, year: int) -> frozenset[date]:
    """The public holidays of the years around `year`, with the days on which those of a weekend are made up for."""
    import holidays

    years = range(year - YEARS_BEFORE, year + YEARS_AFTER + 1)
    return frozenset(holidays.country_holidays(country, subdiv=subdivision or None, years=years))


def holidays_version() -> str:
    """The version of the package that they come from."""
    return version("holidays")


def refuse_unknown_country(country: str) -> None:
    """Raises `wrong` for what is no code of a country, with the one of the country that was probably meant."""
    import holidays

    if country in holidays.list_supported_countries(include_aliases=False):
        return
    code = _meant(country, _country_spellings())
    raise wrong(
        f"{shown(country)} is no country that the package holidays knows",
        f"did you mean {code}?" if code else "write its ISO 3166 code of two letters, as US or GB",
    )


def refuse_unknown_subdivision(country: str, subdivision: str) -> None:
    """The same for a part of a country that is known."""
    import holidays

    known = holidays.list_supported_countries(include_aliases=False)[country]
    if subdivision in known:
        return
    if not known:
        raise wrong(f"{country} has no parts with holidays of their own", "leave subdivision out")
    aliases = holidays.country_holidays(country).get_subdivision_aliases()
    spellings = {spelling: code for code, others in aliases.items() for spelling in (code, *others)}
    code = _meant(subdivision, spellings)
    raise wrong(
        f"{shown(subdivision)} is no part of {country} that the package holidays knows",
        f"did you mean {code}?" if code else f"write one of {', '.join(known)}",
    )


def _country_spellings() -> Mapping[str, str]:
    """The code of each country by its names: UnitedKingdom, GB, GBR and UK."""
    from holidays.registry import COUNTRIES

    return {spelling: code for name, code, *others in COUNTRIES.values() for spelling in (name, code, *others)}


def _meant(word: str, spellings: Mapping[str, str]) -> str:
    """The code that goes with the nearest spelling, in any case and without spaces; empty where none is near."""
    codes = {_bare(spelling): code for spelling, code in spellings.items()}
    bare = _bare(word)
    nearest = Names(codes).nearest(bare) if len(bare) > 2 else ""  # any two letters are near some code
    return codes.get(bare) or codes.get(nearest, "")


def _bare(word: str) -> str:
    return "".join(word.split()).casefold()
