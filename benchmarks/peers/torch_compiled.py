"""PyTorch under torch.compile: the model and its loss, or the whole step as one graph.

`form` "model" compiles model and loss and leaves the update to torch.optim; "step" compiles loss,
gradient and update together (torch.func); "several steps" unrolls nine of those into one graph:
what `steps_per_execution` is in Keras.
"""

from __future__ import annotations

from torch_eager import layouts

UNROLLED = 9


def OPTIONS(work):
    if not work.is_mlp:
        return {"form": ["model", "step"]} | layouts(work)
    forms = ["step", "model"]
    if work.steps % UNROLLED == 0 and work.parameters < 10_000:
        forms.append("several steps")
    return {"form": forms}


def set_threads(n):
    import torch

    torch.set_num_threads(n)


def build(work, data, setting, held):
    import torch
    import torch.nn.functional as F
    from torch_network import arrange, network, trained

    torch.manual_seed(0)
    x, y, vx, vy = (torch.from_numpy(data[name]) for name in ("x", "y", "vx", "vy"))
    x, vx = (arrange(work, rows, setting.get("channels_last")) for rows in (x, vx))
    model = network(work, setting)
    loss_of = F.mse_loss if work.loss == "mse" else F.cross_entropy
    rate = work.learning_rate

    if setting["form"] == "model":
        optimizer = torch.optim.SGD(trained(model).values(), lr=rate, fused=True)
        cost = torch.compile(lambda xb, yb: loss_of(model(xb), yb))

        def epoch(xs, ys):
            total = torch.zeros(())
            for xb, yb in zip(xs.split(work.batch), ys.split(work.batch), strict=True):
                optimizer.zero_grad(set_to_none=True)
                loss = cost(xb, yb)
                loss.backward()
                optimizer.step()
                total += loss.detach()
            return total

        def check():
            return cost(vx, vy)

    else:
        at_once = UNROLLED if setting["form"] == "several steps" else 1
        params = {name: p.detach() for name, p in trained(model).items()}
        averages = dict(model.named_buffers())  # of batch normalisation

        def functional_cost(params, averages, xb, yb):
            averages = {name: a.clone() for name, a in averages.items()}  # written to in place
            out = torch.func.functional_call(model, (params, averages), (xb,))
            return loss_of(out, yb), averages

        def several(params, averages, xs, ys):
            total = torch.zeros(())
            descent = torch.func.grad_and_value(functional_cost, has_aux=True)
            for xb, yb in zip(xs.split(work.batch), ys.split(work.batch), strict=True):
                grads, (loss, averages) = descent(params, averages, xb, yb)
                params = {name: p - rate * grads[name] for name, p in params.items()}
                total = total + loss
            return params, averages, total

        several = torch.compile(several, fullgraph=True)
        functional_check = torch.compile(functional_cost)
        rows = at_once * work.batch

        @torch.no_grad()
        def epoch(xs, ys):
            nonlocal params, averages
            total = torch.zeros(())
            for xb, yb in zip(xs.split(rows), ys.split(rows), strict=True):
                params, averages, loss = several(params, averages, xb, yb)
                total += loss
            return total

        def check():
            return functional_check(params, averages, vx, vy)[0]

    def fit(epochs):
        logs = {}
        for _ in range(epochs):
            order = torch.randperm(len(x))
            logs["loss"] = epoch(x[order], y[order]).item() / work.steps
            if held:
                with torch.no_grad():
                    logs["val_loss"] = check().item()
        return logs

    fit.parameters = lambda: sum(p.numel() for p in trained(model).values())
    return fit
