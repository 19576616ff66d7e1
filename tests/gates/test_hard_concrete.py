import copy

import numpy as np
import oracles
import pytest
import torch
from scipy.special import expit

from l0engine import HardConcrete, HardConcreteDistribution
from l0engine.errors import ConfigError
from l0engine.hard_concrete import moments_by_quadrature

DISTRIBUTIONS = [
    HardConcreteDistribution(),
    HardConcreteDistribution(0.35),
    HardConcreteDistribution(0.1),
    HardConcreteDistribution(1.5, -0.3, 1.05),
]


@pytest.mark.parametrize("dist", DISTRIBUTIONS, ids=str)
def test_sample_is_the_papers_formula(dist):
    u, log_alpha = np.array([0.02, 0.3, 0.5, 0.77, 0.99]), np.array([1.0, -1.2, 0.0, 0.4, 2.0])
    expected = [oracles.gate(a, b, dist.beta, dist.gamma, dist.zeta) for a, b in zip(u, log_alpha, strict=True)]
    np.testing.assert_allclose(dist.sample(torch.tensor(log_alpha), torch.tensor(u)), expected, atol=1e-12)


def test_sample_worked_by_hand():
    # u = 1/2 and log_alpha = 0 give s = 1/2, so z = 1/2 * 1.2 - 0.1; u = 3/4, beta = 1, log_alpha = log 2 give s = 6/7
    assert float(HardConcreteDistribution().sample(torch.tensor(0.0), torch.tensor(0.5))) == pytest.approx(0.5)
    z = HardConcreteDistribution(1.0).sample(torch.tensor(np.log(2.0)), torch.tensor(0.75, dtype=torch.float64))
    assert float(z) == pytest.approx(6 / 7 * 1.2 - 0.1)


def test_gate_at_test_time_uses_the_temperature_and_is_the_median():
    dist, log_alpha = HardConcreteDistribution(0.3), torch.linspace(-3, 3, 13, dtype=torch.float64)
    u = np.random.default_rng(0).uniform(size=40_001)
    samples = [np.median([oracles.gate(v, float(a), 0.3) for v in u]) for a in log_alpha[::4]]
    np.testing.assert_allclose(dist.gate(log_alpha)[::4], samples, atol=0.03)
    assert float(dist.gate(torch.tensor(-0.8))) == 0.0  # sigmoid(-0.8 / 0.3) * 1.2 < 0.1; without the division it stays open


@pytest.mark.parametrize("dist", DISTRIBUTIONS, ids=str)
def test_moments_match_quadrature(dist):
    grid = np.linspace(-9, 9, 19)
    expected = np.array([oracles.gate_moments(a, dist.beta, dist.gamma, dist.zeta) for a in grid])
    log_alpha = torch.tensor(grid)
    np.testing.assert_allclose(dist.mean(log_alpha), expected[:, 0], atol=2e-7)
    np.testing.assert_allclose(dist.variance(log_alpha), expected[:, 1], atol=2e-7)
    np.testing.assert_allclose(dist.p_active(log_alpha), expected[:, 2], atol=1e-9)


@pytest.mark.parametrize("dist", DISTRIBUTIONS, ids=str)
@pytest.mark.parametrize("log_alpha", [-2.0, 0.3, 1.5])
def test_moments_match_monte_carlo(dist, log_alpha):
    n = 400_000
    noise = torch.from_numpy(np.random.default_rng(7).uniform(size=n))
    z = dist.sample(torch.full((n,), log_alpha, dtype=torch.float64), noise).numpy()
    a = torch.tensor(log_alpha, dtype=torch.float64)
    assert float(dist.mean(a)) == pytest.approx(z.mean(), abs=5 * z.std() / n**0.5)
    centred = (z - z.mean()) ** 2
    assert float(dist.variance(a)) == pytest.approx(centred.mean(), abs=5 * centred.std() / n**0.5)
    p = float(dist.p_active(a))
    assert p == pytest.approx((z > 0).mean(), abs=5 * (p * (1 - p) / n) ** 0.5)


@pytest.mark.parametrize("dist", DISTRIBUTIONS, ids=str)
def test_log_alpha_for_inverts_the_quadrature(dist):
    for p in (1e-4, 0.1, 0.5, 0.99):
        log_alpha = float(dist.log_alpha_for(torch.tensor(p, dtype=torch.float64)))
        assert oracles.gate_moments(log_alpha, dist.beta, dist.gamma, dist.zeta)[2] == pytest.approx(p, rel=1e-6)


def test_the_logit_alone_would_not_invert():
    assert float(HardConcreteDistribution().p_active(torch.tensor(0.0))) == pytest.approx(0.83, abs=0.005)


@pytest.mark.parametrize("p", [0.0, 1.0, -0.1, 1.5, float("nan")])
def test_log_alpha_for_refuses_what_is_no_probability(p):
    with pytest.raises(ConfigError, match="between 0 and 1"):
        HardConcreteDistribution().log_alpha_for(p)


@pytest.mark.parametrize("dist", DISTRIBUTIONS, ids=str)
@pytest.mark.parametrize("method", ["sample", "gate", "mean", "variance", "p_active"])
def test_gradients(dist, method):
    log_alpha = torch.tensor([-4.03, -1.17, 0.21, 0.93, 3.31], dtype=torch.float64, requires_grad=True)
    noise = torch.tensor([0.5, 0.7, 0.31, 0.62, 0.45], dtype=torch.float64)
    f = getattr(dist, method)
    function = (lambda a: f(a, noise)) if method == "sample" else f
    assert torch.autograd.gradcheck(function, (log_alpha,), eps=1e-5, atol=2e-5)


@pytest.mark.parametrize("dist", DISTRIBUTIONS, ids=str)
def test_gate_slope_is_the_derivative_of_a_sample(dist):
    log_alpha = torch.linspace(-4, 4, 81, dtype=torch.float64, requires_grad=True)
    z = dist.sample(log_alpha, torch.linspace(0.01, 0.99, 81, dtype=torch.float64))
    (slope,) = torch.autograd.grad(z.sum(), log_alpha)
    np.testing.assert_allclose(dist.gate_slope(z.detach()), slope, atol=1e-10)


def test_moments_report_the_slopes_that_autograd_sees():
    dist, log_alpha = HardConcreteDistribution(0.35), torch.linspace(-6, 6, 25, dtype=torch.float64)
    h, m = 1e-4, dist.moments(log_alpha)
    np.testing.assert_allclose(m.mean_slope, (dist.mean(log_alpha + h) - dist.mean(log_alpha - h)) / (2 * h), atol=1e-5)
    np.testing.assert_allclose(m.variance_slope, (dist.variance(log_alpha + h) - dist.variance(log_alpha - h)) / (2 * h), atol=1e-5)


@pytest.mark.parametrize("dist", DISTRIBUTIONS, ids=str)
def test_moments_in_single_precision_are_as_good_as_log_alpha_is(dist):
    grid = torch.from_numpy(np.random.default_rng(0).uniform(-20, 20, 5000)).float()
    exact = moments_by_quadrature(dist, grid.double().numpy())  # held to adaptive quadrature through the table above
    for ours, expected in zip(dist.moments(grid), exact, strict=True):
        np.testing.assert_allclose(ours, expected, atol=3e-6)  # numbers of about 20 are 2e-6 apart


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("dist", DISTRIBUTIONS, ids=str)
def test_half_precision_stays_finite(dist, dtype):
    log_alpha = torch.tensor([-30.0, -20.0, -5.0, 0.0, 5.0, 20.0, 30.0], dtype=dtype, requires_grad=True)
    for u in (0.0, 0.5, 1.0):
        outs = [dist.sample(log_alpha, torch.full_like(log_alpha, u)), dist.gate(log_alpha), dist.p_active(log_alpha)]
        outs += [dist.mean(log_alpha), dist.variance(log_alpha)]
        for out in outs:
            (slope,) = torch.autograd.grad(out.float().sum(), log_alpha)
            assert out.dtype == dtype
            assert torch.isfinite(out).all()
            assert torch.isfinite(slope).all()
            assert ((out >= 0) & (out <= 1)).all()


def test_extremes_saturate():
    far = torch.tensor([-1e6, 1e6])
    dist = HardConcreteDistribution()
    assert dist.gate(far).tolist() == [0.0, 1.0]
    assert dist.mean(far).tolist() == pytest.approx([0.0, 1.0], abs=1e-6)
    assert (dist.variance(far) >= 0).all()


@pytest.mark.parametrize(
    ("bad", "word"),
    [({"beta": 0.0}, "temperature"), ({"beta": float("nan")}, "temperature"), ({"gamma": 0.0}, "stretch"), ({"zeta": 1.0}, "stretch")],
)
def test_parameters_out_of_bounds_are_refused(bad, word):
    with pytest.raises(ConfigError, match=word):
        HardConcreteDistribution(**bad)


class TestModule:
    def test_penalty_is_the_expected_number_of_open_gates(self):
        gates = HardConcrete(50, 40, temperature=0.5, init_mean=0.3, seed=1)
        assert gates.get_penalty().item() == pytest.approx(0.3 * 2000, rel=1e-5)
        drawn = np.mean([(gates() > 0).float().mean().item() for _ in range(50)])
        assert drawn == pytest.approx(0.3, abs=5 * (0.3 * 0.7 / 1e5) ** 0.5)

    def test_training_draws_and_eval_does_not(self):
        gates = HardConcrete(100, seed=0)
        assert not torch.equal(gates(), gates())
        gates.eval()
        assert torch.equal(gates(), gates())
        expected = [oracles.gate(0.5, a, gates.temperature) for a in gates.qz_logits.tolist()]
        np.testing.assert_allclose(gates().detach(), expected, atol=1e-6)

    @pytest.mark.parametrize(
        ("sizes", "shape", "expected"),
        [((3,), (3, 5, 5), (3, 1, 1)), ((3, 4), (3, 4, 2, 2), (3, 4, 1, 1)), ((3,), (3,), (3,)), ((3, 4), None, (3, 4))],
    )
    def test_gates_broadcast(self, sizes, shape, expected):
        assert HardConcrete(*sizes, seed=0)(shape).shape == expected

    def test_seeds(self):
        draws = [HardConcrete(64, seed=s)() for s in (3, 3, 4, None, None)]
        assert torch.equal(draws[0], draws[1])
        assert not torch.equal(draws[0], draws[2])
        assert not torch.equal(draws[3], draws[4])

    def test_global_generator_is_neither_read_nor_set(self):
        before = torch.get_rng_state()
        first = HardConcrete(64, seed=3)()
        HardConcrete(64)()
        assert torch.equal(torch.get_rng_state(), before)
        torch.manual_seed(123)
        assert torch.equal(HardConcrete(64, seed=3)(), first)

    def test_sparsity_counts_gates_that_are_shut(self):
        gates = HardConcrete(4)
        with torch.no_grad():
            gates.qz_logits.copy_(torch.tensor([-9.0, -9.0, -9.0, 9.0]))
        assert gates.get_num_active() == 1
        assert gates.get_sparsity() == pytest.approx(0.75)

    def test_a_schedule_can_set_the_temperature(self):
        gates = HardConcrete(1)
        with torch.no_grad():
            gates.qz_logits.fill_(0.6)
        for beta in (1.0, 0.4):
            gates.temperature = beta
            assert gates.eval()().item() == pytest.approx(min(1.0, expit(0.6 / beta) * 1.2 - 0.1), rel=1e-6)

    def test_it_learns_saves_and_copies(self):
        gates = HardConcrete(10, seed=0)
        gates().sum().backward()
        assert (gates.qz_logits.grad != 0).any()
        twin = HardConcrete(10, init_mean=0.9)
        twin.load_state_dict(gates.state_dict())
        assert torch.equal(twin.qz_logits, gates.qz_logits)
        fresh = HardConcrete(10, seed=0)
        gates()
        assert torch.equal(copy.deepcopy(fresh)(), fresh())


def test_not_a_number_stays_so_and_does_not_crash():
    moments = HardConcreteDistribution().moments(torch.tensor([float("nan"), 0.0, float("inf"), float("-inf")]))
    assert torch.isnan(moments.mean).tolist() == [True, False, False, False]
    assert torch.isnan(moments.variance_slope).tolist() == [True, False, False, False]
