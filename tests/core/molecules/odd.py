"""Molecules with unusual parts, and SMILES put together at random."""

from hypothesis import strategies as st

SMILES = (
    "C",
    "[H][H]",
    "[H+]",
    "[2H]C([2H])([2H])O",
    "[13CH3]c1cc[13c]cc1",
    "[Na+].[Cl-]",
    "[Fe+2].[cH-]1cccc1.[cH-]1cccc1",
    "*C1CC1*",
    "[*:1]c1ccccc1[CH3:2]",
    "N->[Fe]<-N",
    "C1CC[NH2]->[Pt]1(Cl)Cl",
    "[CH3]",
    "[O][N+](=O)c1ccccc1",
    "[CH2]C1CC1",
    "C[N+](C)(C)C.[OH-]",
    "[Sn+4].[O-2].[C-4]",
    "F[C@](Cl)(Br)I",
    "C[C@H]1CC[C@@H](C)CC1",
    "F/C=C/F.F/C=C\\F",
    "C/C=C/C=C\\C",
    "N[Pt@SP1](Cl)(Br)I",
    "F[As@TB1](Cl)(Br)(N)S",
    "C[S@](=O)c1ccccc1",
    "FS(F)(F)(F)(F)F",
    "OS(C)(F)(F)(F)c1ccccc1",
    "F[P-](F)(F)(F)(F)F",
    "O=[Cl](=O)(=O)O",
    "[Xe](F)(F)(F)F",
    "[U+6]",
    "[Og]",
    "C~C",
    "C$C",
    "[Re]$[Re]",
    "c1ccc2[nH]ccc2c1",
    "Cn1cnc2c1c(=O)n(C)c(=O)n2C",
    "C[n+]1ccccc1",
    "c1ccc[te]1",
    "CB1C=CC=CN1C",
    "Cp1cccc1",
    "CC1=[O+]C=CC=C1",
    "C[c+]1cccccc1",
    "c1ccc2c(c1)C(=C)c1ccccc1C2=C(C)C",
    "C=C1CC(=[N+]=[N-])C1",
    "O=C1CC2(C1)CC(=O)C2",
    "C1CC12CC2.C1C2CC3CC1CC(C2)C3",
    "C12C3C4C1C5C2C3C45",
    "C1CCCC1C1CCCC1.C1CCC2CCCCC2C1",
    "C1CC1CCCCC1CC1",
    "C1CC1CC(C)(C)CC=CC1CC1",
    "C1CC1C(=O)C1CC1",
    "C" * 255,
    "C" * 256,
    "C1CC1" + "C" * 300 + "C1CC1",
    "[H]c1ccccc1[H]",
    "[HH]",
    "[H]O[H]",
    "[Cu+2]([NH3])([NH3])([NH3])[NH3]",
    "C[Si](C)(C)c1ccoc1[C@@H]1O[C@@H]1C",
    "[O-][n+]1ccccc1C#N",
    "CC(C)=C=C(C)C1CC1",
    "[SiH4].[GeH4].[PbH2]",
    "C[C@H](N)C1CC1 |o1:1|",
    "CC1=CC=CC(I)=C1N1C(C)=CC=C1Br |wU:7.6|",
)
"""Isotopes, charges, dummy atoms, atom maps, dative and quadruple bonds, stereo, radicals, large molecules and more."""
BROKEN = ("", "C1CC", "c1cccc1", "CC(C)(C)(C)C", "X", "C>>C", "not a molecule")
"""What rdkit cannot read."""

_PARTS = st.sampled_from(
    "C C C C N O S F Cl I B P [Si] [Se] * [*:3] [CH3:7] [13C] [2H] [H] [O-] [NH3+] [N+] [CH2] [C-] [CH] [S+] [Fe] [Zr] "
    "[Cu+2] C1CC1 C1CCC1 c1ccccc1 c1ccncc1 c1cc[nH]c1 c1ccsc1 n1cccc1 [n+]1ccccc1 [se]1cccc1 [c+]1cccccc1 [cH-]1cccc1 "
    "[C@H]1CCO1 [C@@]12CCC1C2 C1=CCC1 C1=[O+]C=CC=C1 P1CCC1 S1CC1 [S+]1CCC1 [nH+]1ccccc1 C12CC1C2 "
    "[Pt]1CC1 B1CC1".split()
)
_BONDS = st.sampled_from(["", "", "", "", "=", "#", "/", "\\", "->", "<-", "~", "$", ":"])
smiles = st.recursive(
    _PARTS,
    lambda inner: st.builds(
        lambda part, branches: part + "".join(f"({bond}{branch})" for bond, branch in branches),
        _PARTS,
        st.lists(st.tuples(_BONDS, inner), min_size=1, max_size=3),
    ),
    max_leaves=10,
)
"""Random texts in the grammar of SMILES, of which rdkit accepts about half."""
