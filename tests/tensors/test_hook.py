"""The hook: what a trial returns is what the module had, bit for bit, and the module is left as it was."""

from __future__ import annotations

import doctest
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torchvision.models import inception_v3, resnet18

from components.capture import hook as room
from components.capture.hook import TensorHook
from components.capture.trial import Trial, create_trial, modes
from components.errors import InputError, StorageError
from tests.tensors.networks import Several, Shared, fixed, hooks

SEED = ".*bn|.*bias|.*downsample|.*ResNet_input|.*image"


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def images(count: int = 2, side: int = 16, grad: bool = True) -> torch.Tensor:
    generator = torch.Generator().manual_seed(7)
    return torch.rand(count, 3, side, side, generator=generator).requires_grad_(grad)


def largest(logits: torch.Tensor) -> torch.Tensor:
    return logits.gather(1, logits.argmax(dim=1, keepdim=True)).sum()


def same(trial: Trial, name: str, value: torch.Tensor, step: int = 0) -> bool:
    found = trial.tensor(name).value(step)
    expected = value.detach().numpy()
    return (found.dtype, found.shape, found.tobytes()) == (expected.dtype, expected.shape, expected.tobytes())


def test_the_example_of_the_module_runs(tmp_path: Path) -> None:
    found = doctest.testmod(
        room, extraglobs={"folder": str(tmp_path)}, optionflags=doctest.ELLIPSIS, raise_on_error=True
    )
    assert found.attempted > 8


def test_every_activation_and_gradient_is_that_of_a_network_without_in_place_operations(tmp_path: Path) -> None:
    hooked, plain = fixed(Shared(inplace=True)), fixed(Shared(inplace=False))
    x, y = images(), images()
    with TensorHook(hooked, str(tmp_path), ".").step(modes.PREDICT):
        largest(hooked(x)).backward()
    # The oracle: every step of the network by hand, each value kept by autograd itself.
    kept = {}

    def keep(name: str, value: torch.Tensor) -> torch.Tensor:
        value.retain_grad()
        kept[name] = value
        return value

    a = keep("Shared_first_output_0", plain.first(y))
    b = keep("Shared_bn_output_0", plain.bn(a))
    c = keep("Shared_relu_output_0", plain.relu(b))
    d = keep("Shared_first_output_1", plain.first(c))
    e = keep("Shared_first_output_2", plain.first(d))
    f = keep("Shared_relu_output_1", plain.relu(e))
    g = keep("Shared_fc_output_0", plain.fc(f.mean(dim=(2, 3))))
    largest(g).backward()
    trial = create_trial(str(tmp_path))
    for name, value in kept.items():
        assert same(trial, name, value)
        assert value.grad is not None
        assert same(trial, f"gradient/{name}", value.grad)
    assert same(trial, "Shared_input_0", y)
    assert same(trial, "Shared_relu_input_0", b)
    assert same(trial, "Shared_relu_input_1", e)
    assert same(trial, "Shared_output_0", g)
    assert same(trial, "gradient/image", y.grad)
    for name, parameter in plain.named_parameters():
        assert same(trial, f"Shared_{name}", parameter)
        if parameter.grad is not None:
            assert same(trial, f"gradient/Shared_{name}", parameter.grad)
    for name, buffer in plain.named_buffers():
        assert same(trial, f"Shared_{name}", buffer)
    assert trial.tensor("Shared_bn.eps").value(0) == 1e-5
    assert not [name for name in trial.tensor_names("^gradient") if "unused" in name]


@pytest.mark.parametrize("train", [False, True])
def test_outputs_gradients_and_statistics_are_the_same_with_and_without_the_hook(tmp_path: Path, train: bool) -> None:
    nets = [fixed(resnet18(num_classes=7)).train(train) for _ in range(2)]
    outputs, gradients = [], []
    for net, hooked in zip(nets, (False, True), strict=True):
        x = images(4, 32)
        if hooked:
            with TensorHook(net, str(tmp_path), ".").step(modes.TRAIN):
                outputs.append(net(x))
                largest(outputs[-1]).backward()
        else:
            outputs.append(net(x))
            largest(outputs[-1]).backward()
        gradients.append(x.grad)
    assert torch.equal(*outputs)
    assert torch.equal(*gradients)
    for one, other in zip(nets[0].state_dict().values(), nets[1].state_dict().values(), strict=True):
        assert torch.equal(one, other)
    for one, other in zip(nets[0].parameters(), nets[1].parameters(), strict=True):
        assert torch.equal(one.grad, other.grad)
    assert hooks(nets[1]) == 0


def test_what_the_seeds_pattern_keeps_is_a_complete_decomposition_of_the_logit(tmp_path: Path) -> None:
    # FullGrad (Srinivas and Fleuret 2019, equation 4): f(x) = ∇f·x + Σ ∂f/∂z · b, from the trial's numbers alone.
    net, x = fixed(resnet18(num_classes=43)).double(), images(1, 64, grad=False).double().requires_grad_()
    with TensorHook(net, str(tmp_path), SEED).step(modes.PREDICT, event_id="0af7"):
        logits = net(x)
        largest(logits).backward()
    trial = create_trial(str(tmp_path))
    step = trial.step_of("0af7")

    def value(name: str) -> Any:
        return trial.tensor(name).value(step, modes.PREDICT)

    total = (value("gradient/image") * value("ResNet_input_0")).sum()
    outputs = trial.tensor_names(r"^gradient/.*(bn\d|downsample\.1)_output_0$", step)
    for output in outputs:
        of = output.removeprefix("gradient/").removesuffix("_output_0")
        scale = value(f"{of}.weight") / np.sqrt(value(f"{of}.running_var") + value(f"{of}.eps"))
        bias = value(f"{of}.bias") - value(f"{of}.running_mean") * scale
        total += (value(output) * bias[:, None, None]).sum()
    total += (value("ResNet_fc.bias") * value("gradient/ResNet_fc.bias")).sum()
    assert len(outputs) == 20
    assert abs(total - logits.max().item()) < 1e-12 * (1 + abs(total))


def test_several_outputs_mappings_keywords_and_scalars_have_names(tmp_path: Path) -> None:
    net = Several()
    x, scale = torch.rand(2, 4, requires_grad=True), torch.rand(4)
    with TensorHook(net, str(tmp_path), "Several").step() as step:
        found = net(x, scale=scale)
        sum(one.sum() for one in found["pair"]).backward()
        step.save("scalar/loss", 0.5)
    trial = create_trial(str(tmp_path))
    assert same(trial, "Several_input_0", x)
    assert same(trial, "Several_input_1", scale)
    assert same(trial, "Several_inner_output_0", net.inner(x * scale))
    assert same(trial, "Several_output_1", found["pair"][1])
    assert trial.tensor("Several_output_2").value(0) == 3
    assert trial.tensor("scalar/loss").value(0) == 0.5
    assert trial.modes() == [modes.GLOBAL]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64, torch.complex64])
def test_dtypes_and_memory_layouts_come_back(tmp_path: Path, dtype: torch.dtype) -> None:
    net = nn.Identity()
    x = torch.randn(2, 3, 5, 4).to(dtype).to(memory_format=torch.channels_last)
    with TensorHook(net, str(tmp_path), "output").step():
        net(x.conj())
    found = create_trial(str(tmp_path)).tensor("Identity_output_0").value(0)
    expected = x.float() if dtype is torch.bfloat16 else x.conj().resolve_conj()
    assert np.array_equal(found, expected.numpy())


def test_a_tensor_that_no_file_can_hold_is_an_error_only_if_it_is_wanted(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Identity(), nn.Flatten(0))
    net[0].register_forward_hook(lambda module, args, output: output.to_dense())
    sparse = torch.eye(3).to_sparse()
    wanted = TensorHook(net, str(tmp_path), "_input")
    with pytest.raises(InputError, match=r"expected a dense tensor .*found float32, sparse_coo"), wanted.step():
        net(sparse)
    with TensorHook(net, str(tmp_path), "1_output").step():
        net(sparse)
    assert create_trial(str(tmp_path)).tensor("Sequential_1_output_0").value(0).sum() == 3


def test_two_backward_passes_add_up_as_in_the_parameters(tmp_path: Path) -> None:
    net, x = fixed(Shared()), images()
    with TensorHook(net, str(tmp_path), "gradient").step():
        logits = net(x)
        logits[:, 0].sum().backward(retain_graph=True)
        logits[:, 1].sum().backward()
    trial = create_trial(str(tmp_path))
    assert same(trial, "gradient/image", x.grad)
    assert same(trial, "gradient/Shared_fc.weight", net.fc.weight.grad)


@pytest.mark.parametrize("where", ["module", "block", "place"])
def test_after_an_exception_there_are_no_hooks_and_no_step(tmp_path: Path, where: str) -> None:
    net = fixed(Shared())
    tensors = TensorHook(net, "/proc/nowhere" if where == "place" else str(tmp_path), ".")
    wrong = {"module": RuntimeError, "block": KeyboardInterrupt, "place": StorageError}[where]
    x = images()
    with pytest.raises(wrong), tensors.step():  # noqa: PT012 - which part of the step raises is what differs
        net(x if where != "module" else x[:, :2])
        if where == "block":
            raise KeyboardInterrupt
    assert hooks(net) == 0
    assert not x._backward_hooks
    assert create_trial(str(tmp_path)).steps() == []
    if where != "place":
        with tensors.step():
            net(x)
        assert create_trial(str(tmp_path)).steps() == [1]  # the number of the step that failed is not used again


def test_a_gradient_that_comes_after_the_block_is_not_kept_and_disturbs_nothing(tmp_path: Path) -> None:
    net, x = fixed(Shared()), images()
    with TensorHook(net, str(tmp_path), "fc").step():
        logits = net(x)
    largest(logits).backward()
    assert create_trial(str(tmp_path)).tensor_names("^gradient") == []
    assert hooks(net) == 0


def test_steps_are_kept_by_interval_range_and_mode(tmp_path: Path) -> None:
    net = nn.Identity()
    tensors = TensorHook(
        net, str(tmp_path), "output", save_interval=3, start_step=2, end_step=9, modes=[modes.TRAIN, modes.EVAL]
    )
    for mode, count in ((modes.TRAIN, 12), (modes.PREDICT, 12), (modes.EVAL, 4)):
        for number in range(count):
            with tensors.step(mode) as step:
                net(torch.tensor([number]))
                assert step.saving == (mode != modes.PREDICT and number in (2, 5, 8))
                step.save("mine", number)
    trial = create_trial(str(tmp_path))
    assert trial.steps(modes.TRAIN) == [2, 5, 8]
    assert trial.steps(modes.EVAL) == [2]
    assert trial.steps(modes.PREDICT) == []
    assert trial.tensor("mine").value(5, modes.TRAIN) == 5


def test_training_keeps_the_parameters_of_before_the_step(tmp_path: Path) -> None:
    net = nn.Linear(3, 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    tensors = TensorHook(net, str(tmp_path), "weight")
    before = []
    for _ in range(3):
        before.append(net.weight.detach().clone())
        with tensors.step(modes.TRAIN):
            optimizer.zero_grad()
            net(torch.ones(2, 3)).square().sum().backward()
            optimizer.step()
    trial = create_trial(str(tmp_path))
    for number, weight in enumerate(before):
        assert same(trial, "Linear_weight", weight, number)
        assert trial.tensor("gradient/Linear_weight").value(number).any()
    assert len(list((tmp_path / "parameters").iterdir())) == 3


def test_a_dry_run_tells_what_a_step_writes_and_leaves_no_trace(tmp_path: Path) -> None:
    net, x = fixed(resnet18(num_classes=5)).train(), images(2, 32)
    state = {name: value.clone() for name, value in net.state_dict().items()}
    tensors = TensorHook(net, str(tmp_path), SEED)
    random = torch.random.get_rng_state()
    plan = tensors.dry_run(x)
    assert hooks(net) == 0
    assert list(tmp_path.iterdir()) == []
    assert torch.equal(random, torch.random.get_rng_state())
    assert all(torch.equal(value, state[name]) for name, value in net.state_dict().items())
    with tensors.step():
        largest(net(x)).backward()
    trial = create_trial(str(tmp_path))
    assert [one.name for one in plan.tensors] == trial.tensor_names(step=0)
    for one in plan.tensors:
        assert trial.tensor(one.name).value(0).nbytes == one.bytes
        assert trial.tensor(one.name).shape(0) == one.shape
    written = {kind: next((tmp_path / kind).rglob("*.safetensors")).stat().st_size for kind in ("steps", "parameters")}
    assert 0 < written["steps"] - plan.step_bytes < 40_000  # the header
    assert 0 < written["parameters"] - plan.parameter_bytes < 40_000
    assert f"{plan.step_bytes:,}  a step" in str(plan)


def test_a_pattern_that_matches_nothing_is_an_error_that_names_what_is_near(tmp_path: Path) -> None:
    net = resnet18(num_classes=5)
    with pytest.raises(InputError, match=r"match 'ResNet_bm1.bias', found none; nearest: .*ResNet_bn1\.bias"):
        TensorHook(net, str(tmp_path), "ResNet_bm1.bias")
    with pytest.raises(InputError, match=r"nearest: .*downsample"):
        TensorHook(net, str(tmp_path), ".*downsmaple.*")
    with pytest.raises(InputError, match="expected a regular expression"):
        TensorHook(net, str(tmp_path), "*")
    with pytest.raises(InputError, match="found none"), TensorHook(net, str(tmp_path), "^gradient/").step():
        net(images())  # and no backward pass
    with pytest.raises(InputError, match="found none; nearest: Sequential_0_output_0"):
        TensorHook(nn.Sequential(nn.Identity()), str(tmp_path), "Sequential_0_output_1$").dry_run(torch.ones(1))
    assert create_trial(str(tmp_path)).steps() == []


def test_wrappers_and_nonsense_are_refused(tmp_path: Path) -> None:
    net = nn.Linear(2, 2)
    with pytest.warns(FutureWarning, match="deprecated"):
        scripted = torch.jit.script(net)
    for wrapper in (nn.DataParallel(net), scripted, torch.compile(net)):
        with pytest.raises(InputError, match="expected a plain module, found"):
            TensorHook(wrapper, str(tmp_path), ".")
    for wrong in ({"save_interval": 0}, {"start_step": -1}, {"start_step": 5, "end_step": 4}):
        with pytest.raises(InputError, match="expected save_interval from 1"):
            TensorHook(net, str(tmp_path), ".", **wrong)  # type: ignore[arg-type]
    tensors = TensorHook(net, str(tmp_path), ".")
    with tensors.step(), pytest.raises(InputError, match="one step at a time"), tensors.step():
        pass


def test_a_step_that_would_be_too_large_is_an_error_and_not_written(tmp_path: Path) -> None:
    net = nn.Identity()
    bounded = TensorHook(net, str(tmp_path), "put", step_bytes=1000)
    with pytest.raises(InputError, match="expected at most 1000 bytes a step"), bounded.step():
        net(torch.zeros(251))
    assert hooks(net) == 0
    assert create_trial(str(tmp_path)).steps() == []


def test_hooks_in_several_threads_write_the_union(tmp_path: Path) -> None:
    def work(which: int) -> None:
        net = nn.Identity()
        tensors = TensorHook(net, str(tmp_path), "output")
        for number in range(8):
            with tensors.step(modes.PREDICT, f"{which}-{number}"):
                net(torch.tensor([which, number]))

    threads = [threading.Thread(target=work, args=(which,)) for which in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    trial = create_trial(str(tmp_path))
    found = {tuple(trial.tensor("Identity_output_0").value(step)) for step in trial.steps(modes.PREDICT)}
    assert found == {(which, number) for which in range(4) for number in range(8)}
    assert trial.tensor("Identity_output_0").value(trial.step_of("2-5")).tolist() == [2, 5]


@pytest.mark.slow
def test_a_network_with_a_second_head_is_recorded_whole(tmp_path: Path) -> None:
    net = inception_v3(weights=None, init_weights=False, num_classes=5).train()
    with TensorHook(net, str(tmp_path), "^Inception3_output|gradient/.*AuxLogits.fc").step(modes.TRAIN):
        answer = net(images(2, 299, grad=False))
        (answer.logits.sum() + 0.4 * answer.aux_logits.sum()).backward()
    trial = create_trial(str(tmp_path))
    assert same(trial, "Inception3_output_0", answer.logits)
    assert same(trial, "Inception3_output_1", answer.aux_logits)
    assert trial.tensor("gradient/Inception3_AuxLogits.fc_output_0").shape(0) == (2, 5)
