"""Rebuild the US sample problem: CPS households x published US totals.

Archives (unpack both, then pass the two folders):
    pip download --no-deps taxcalc==6.8.0
        taxcalc-6.8.0/taxcalc/{cps.csv.gz,cps_weights.csv.gz,growfactors.csv}; CC0
    pip download --no-deps --only-binary=:all: --python-version 3.13 policyengine-us-data==1.115.4
        policyengine_us_data/storage/calibration_targets/; only the published US-government figures are used

usage: build_us_problem.py TAXCALC_FOLDER TARGETS_FOLDER OUT_FOLDER
"""

# A script kept as it was run; formatted, not rewritten.
# ruff: noqa: B905, C408, E501, E741, SIM905, T201, UP031

import os
import sys

import numpy as np
import pandas as pd
import scipy.sparse as sp

T, P, OUT = (os.path.join(a, "") for a in sys.argv[1:4])
unit = "household"
Y = 2022
d = pd.read_csv(T + "cps.csv.gz")
w = pd.read_csv(T + "cps_weights.csv.gz", usecols=[f"WT{Y}"])[f"WT{Y}"].to_numpy() / 100.0
g = pd.read_csv(T + "growfactors.csv", index_col="YEAR")
f = g.loc[2015:Y].prod()  # file is in 2014 dollars


def grow(c, k):
    return d[c].to_numpy(float) * f[k]


wage = grow("e00200", "AWAGE")
intr = grow("e00300", "AINTS")
txi = grow("e00400", "AINTS")
div = grow("e00600", "ADIVS")
qdiv = grow("e00650", "ADIVS")
biz = d.e00900.to_numpy(float)
biz = np.where(biz > 0, biz * f.ASCHCI, biz * f.ASCHCL)
farm = grow("e02100", "ASCHF")
pen = grow("e01500", "ATXPY")
tpen = grow("e01700", "ATXPY")
ira = grow("e01400", "ATXPY")
cg = grow("e01100", "ACGNS")
ui = grow("e02300", "AUCOMP")
ss = grow("e02400", "ASOCSEC")
alim = grow("e00800", "ATXPY")
adj = grow("e03150", "ATXPY") + grow("e03210", "ATXPY") + grow("e03270", "ACPIM") + grow("e03300", "ATXPY")
mars = d.MARS.to_numpy()
joint = mars == 2
oth = wage + intr + div + biz + farm + tpen + ira + cg + ui + alim
prov = oth + txi + 0.5 * ss
b1 = np.where(joint, 32000, 25000)
b2 = np.where(joint, 44000, 34000)
tss = np.clip(
    np.where(
        prov <= b1,
        0,
        np.where(
            prov <= b2,
            np.minimum(0.5 * ss, 0.5 * (prov - b1)),
            np.minimum(0.85 * ss, 0.85 * (prov - b2) + np.minimum(0.5 * (b2 - b1), 0.5 * ss)),
        ),
    ),
    0,
    0.85 * ss,
)
agi = oth + tss - adj
old = (d.age_head >= 65).to_numpy().astype(int) + ((d.age_spouse >= 65) & joint).to_numpy()
thr = np.select([joint, mars == 4], [25900 + 1400 * old, 19400 + 1750 * old], 12950 + 1750 * old)
gross = np.maximum(wage, 0) + intr + div + np.maximum(biz, 0) + np.maximum(farm, 0) + tpen + ira + cg + ui + alim + tss
filer = (gross >= thr) | (np.abs(biz) >= 400) | (wage >= 2500) | (d.DSI.to_numpy() == 1) & (wage > 0)
print(
    f"tax units {len(d)}  filers(weighted) {w[filer].sum() / 1e6:.1f}M vs SOI 159.7M;  AGI {np.dot(w * filer, agi) / 1e12:.2f}T vs SOI 14.78T"
)
for m, l, s in ((1, "single", 79.8), (2, "joint", 54.6), (4, "HoH", 21.2)):
    print("  ", l, f"{w[filer & (mars == m)].sum() / 1e6:.1f}M vs SOI {s}M")
# households
if unit == "household":
    key = d.FLPDYR.astype("int64") * 10**6 + d.h_seq
    col, uniq = pd.factorize(key)
    N = len(uniq)
else:
    col = np.arange(len(d))
    N = len(d)
base = np.bincount(col, w) / np.bincount(col)  # mean tax-unit weight within the household
names = []
grp = []
y = []
I = []
J = []
V = []


def row(name, group, target, mask, val=None):
    idx = np.flatnonzero(mask)
    v = np.ones(len(idx)) if val is None else np.asarray(val, float)[idx]
    k = v != 0
    I.append(np.full(k.sum(), len(y)))
    J.append(col[idx[k]])
    V.append(v[k])
    names.append(name)
    grp.append(group)
    y.append(float(target))


FIPS = dict(
    zip(
        "AL AK AZ AR CA CO CT DE DC FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK OR PA RI SC SD TN TX UT VT VA WA WV WI WY".split(),
        [
            1,
            2,
            4,
            5,
            6,
            8,
            9,
            10,
            11,
            12,
            13,
            15,
            16,
            17,
            18,
            19,
            20,
            21,
            22,
            23,
            24,
            25,
            26,
            27,
            28,
            29,
            30,
            31,
            32,
            33,
            34,
            35,
            36,
            37,
            38,
            39,
            40,
            41,
            42,
            44,
            45,
            46,
            47,
            48,
            49,
            50,
            51,
            53,
            54,
            55,
            56,
        ],
    )
)
AB = {v: k for k, v in FIPS.items()}
st = d.fips.to_numpy()
a = pd.read_csv(P + "agi_state.csv")
for r in a.itertuples():
    m = (st == FIPS[r.GEO_NAME]) & filer & (agi >= r.AGI_LOWER_BOUND) & (agi < r.AGI_UPPER_BOUND)
    row(
        f"{r.GEO_NAME}/agi[{r.AGI_LOWER_BOUND:g},{r.AGI_UPPER_BOUND:g})/" + ("count" if r.IS_COUNT else "amount"),
        "state_agi_" + ("count" if r.IS_COUNT else "amount"),
        r.VALUE,
        m,
        None if r.IS_COUNT else agi,
    )
ag = pd.read_csv(P + "age_state.csv")
ah = d.age_head.to_numpy()
asp = np.where(joint, d.age_spouse.to_numpy(), -1)
for r in ag.to_dict("records"):
    for b in [c for c in ag.columns if c not in ("GEO_ID", "GEO_NAME")]:
        lo, hi = (85, 200) if b == "85+" else map(int, b.split("-"))
        if lo < 30:
            continue  # adult dependants have no age in cps.csv; 30+ is heads and spouses
        row(
            f"{r['GEO_NAME']}/age{b}",
            "state_age",
            r[b],
            st == FIPS[r["GEO_NAME"]],
            ((ah >= lo) & (ah <= hi)) * 1.0 + ((asp >= lo) & (asp <= hi)),
        )
for r in pd.read_csv(P + "population_by_state.csv").to_dict("records"):
    if r["state"] in FIPS:
        row(f"{r['state']}/population", "state_pop", r["population"], st == FIPS[r["state"]], d.XTOT)
sn = grow("snap_ben", "ABENSNAP")
first = ~pd.Series(np.where(sn > 0, col, -1 - np.arange(len(d)))).duplicated().to_numpy()
for r in pd.read_csv(P + "snap_state.csv").to_dict("records"):
    s = int(r["GEO_ID"][-2:])
    if s not in AB:
        continue
    row(f"{AB[s]}/snap_households", "state_snap", r["Households"], (st == s) & (sn > 0) & first)
    row(f"{AB[s]}/snap_cost", "state_snap", r["Cost"], st == s, sn)
so = pd.read_csv(P + "soi_targets.csv")
so = so[(so.Year == Y) & ~so["Taxable only"] & (so["SOI table"].isin(["Table 1.1", "Table 1.2", "Table 1.4"]))]
vm = dict(
    adjusted_gross_income=agi,
    employment_income=wage,
    taxable_interest_income=intr,
    ordinary_dividends=div,
    qualified_dividends=qdiv,
    ira_distributions=ira,
    business_net_profits=np.maximum(biz, 0),
    business_net_losses=np.maximum(-biz, 0),
    total_pension_income=pen,
    taxable_pension_income=tpen,
    unemployment_compensation=ui,
    total_social_security=ss,
    taxable_social_security=tss,
)
fs = {
    "All": np.ones(len(d), bool),
    "Single": mars == 1,
    "Married Filing Jointly/Surviving Spouse": joint,
    "Head of Household": mars == 4,
    "Married Filing Separately": None,
}
seen = set()
for r in so.to_dict("records"):
    v = r["Variable"]
    m = fs[r["Filing status"]]
    if m is None or (v != "count" and v not in vm):
        continue
    cnt = bool(r["Count"]) or v == "count"
    k = (v, r["Filing status"], r["AGI lower bound"], r["AGI upper bound"], cnt)
    if k in seen or r["Value"] == 0:
        continue
    seen.add(k)
    x = vm.get(v)
    mm = m & filer & (agi >= k[2]) & (agi < k[3])
    row(
        f"US/{v}/{r['Filing status']}/agi[{k[2]:g},{k[3]:g})/" + ("count" if cnt else "amount"),
        "us_soi_" + ("count" if cnt else "amount"),
        abs(r["Value"]) if v != "adjusted_gross_income" else r["Value"],
        mm & (x != 0) if (cnt and x is not None) else mm,
        None if cnt else x,
    )
Q = len(y)
y = np.array(y)
M = sp.coo_matrix((np.concatenate(V), (np.concatenate(I), np.concatenate(J))), shape=(Q, N)).tocsr()
M.sum_duplicates()
sup = np.diff(M.indptr)
neg = (M.data < 0).sum()
names = np.array(names)
grp = np.array(grp)
print(
    f"unit={unit} Q={Q} N={N} nnz={M.nnz} density={M.nnz / Q / N:.2e} empty_rows={(sup == 0).sum()} rows<5={(sup < 5).sum()} negative_y={(y < 0).sum()} negative_M={neg} empty_cols={(np.diff(M.tocsc().indptr) == 0).sum()}"
)
print(
    "y range",
    y.min(),
    np.abs(y).min(),
    y.max(),
    " base weight range",
    base.min().round(1),
    base.max().round(1),
    "sum",
    base.sum() / 1e6,
)
e = (M @ base - y) / np.abs(y)
s = sup > 0
print("base-weight |rel err| median %.3f mean %.3f" % (np.median(abs(e[s])), abs(e[s]).mean()))
print(
    pd.DataFrame(dict(g=grp, e=abs(e), n=sup, y=y))
    .groupby("g")
    .agg(
        rows=("e", "size"),
        med_err=("e", "median"),
        empty=("n", lambda x: (x == 0).sum()),
        ymin=("y", "min"),
        ymax=("y", "max"),
    )
    .to_string()
)
label = {
    "state_agi_count": "IRS SOI Historic Table 2, TY2022",
    "state_agi_amount": "IRS SOI Historic Table 2, TY2022",
    "state_age": "Census ACS S0101, 2023",
    "state_pop": "Census population estimates, 2023",
    "state_snap": "USDA FNS SNAP state data, FY2024",
    "us_soi_amount": "IRS SOI Publication 1304 Tables 1.1/1.2/1.4, TY2022",
    "us_soi_count": "IRS SOI Publication 1304 Tables 1.1/1.2/1.4, TY2022",
}
first = pd.Series(col).drop_duplicates().index.to_numpy()
hh = pd.DataFrame({"household_id": [f"{k // 10**6}-{k % 10**6:06d}" for k in np.asarray(uniq)]})
hh["survey_year"] = d.FLPDYR.to_numpy()[first]
hh["state"] = [AB[f] for f in st[first]]
hh["tax_units"] = np.bincount(col)
hh["persons"] = np.bincount(col, d.XTOT).astype(int)
hh["children"] = np.bincount(col, d.nu18).astype(int)
hh["head_age"] = ah[first]
hh["filing_status"] = pd.Series(mars[first]).map({1: "single", 2: "joint", 3: "separate", 4: "head_of_household"}).to_numpy()
for name, v in (("wages_2022", wage), ("agi_2022", agi), ("social_security_2022", ss), ("snap_2022", sn)):
    hh[name] = np.bincount(col, v).round(0)
hh["base_weight"] = base.round(4)
hh.to_parquet(OUT + "households.parquet", compression="zstd", compression_level=19, index=False)
t = pd.DataFrame({"target": names, "group": grp, "value": y})
t["geography"] = t.target.str.split("/").str[0]
t["source"] = t.group.map(label)
t["support"] = sup
t.to_csv(OUT + "targets.csv", index=False)
sp.save_npz(OUT + "matrix.npz", M.astype(np.float32))
