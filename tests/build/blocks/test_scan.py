from __future__ import annotations

from collections import Counter

import pytest

from meta_models.build.blocks.sampling import StrataCounts
from meta_models.build.blocks.scan import Scan, require_coverage, require_different, require_enough
from meta_models.errors import InputError


def scan(**covered: int) -> Scan:
    counts = Counter(neither=90, donor=6, acceptor=4)
    parts = Counter({(key, "chr1"): n for key, n in covered.items()})
    return Scan(StrataCounts(10, (80, 10)), counts, Counter(chr1=100), parts)


def test_scans_add_up() -> None:
    both = scan(main=100) + scan(main=98)
    assert both.strata == StrataCounts(20, (160, 20))
    assert both.prevalence == {"neither": 0.9, "donor": 0.06, "acceptor": 0.04}
    assert both.coverage("main") == pytest.approx(0.99)


def test_what_is_too_little_is_refused() -> None:
    require_enough(10, scan())
    with pytest.raises(InputError, match=r"At least 10 genes must be built\. Found 9"):
        require_enough(9, scan())
    bare = Scan(StrataCounts(0, (5, 5)), Counter(neither=10))
    with pytest.raises(InputError, match=r"none of donor and acceptor \(neither 10, donor 0, acceptor 0\)"):
        require_enough(10, bare)


def test_two_base_models_must_differ_somewhere() -> None:
    one = StrataCounts(10, (80, 10))
    found = Scan(one, unlike=frozenset({("a", "b")})) + Scan(one, unlike=frozenset({("a", "c")}))
    require_different(found, ["a", "b"])
    require_different(found, ["b"])
    with pytest.raises(
        InputError, match=r"different scores\. Found the same in b and c at every position of all genes"
    ):
        require_different(found, ["a", "b", "c"])


def test_dense_scores_must_cover_nearly_all_and_sparse_ones_need_not() -> None:
    require_coverage(scan(main=99), 0.99, {"main": False})
    require_coverage(scan(main=1), 0.99, {"main": True})
    with pytest.raises(InputError, match=r"scores main must cover 99% .*They cover 98.0%"):
        require_coverage(scan(main=98), 0.99, {"main": False})
    with pytest.raises(InputError, match=r"scores alt must cover every contig with genes. Found none on chr1"):
        require_coverage(scan(main=100), 0.99, {"main": True, "alt": True})
