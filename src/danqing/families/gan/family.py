"""The GAN family: two phases for the trainer, one pass to paint."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Generator, Tensor, nn

from danqing.data.augmenting import Augment, augment
from danqing.families.gan.losses import LOSSES, PENALTIES
from danqing.families.gan.model import GanConfig, Pair, build
from danqing.nn.chance import noise
from danqing.registry import register
from danqing.types import Batch, Family, Now, PaintRequest, Phase


class Gan(Family):
    name = "gan"
    title: ClassVar = {"en": "Generative adversarial network", "zh": "生成对抗网络"}
    Config = GanConfig

    def build(self, config: GanConfig) -> nn.Module:
        return build(config)

    def painter(self, model: Any) -> nn.Module:
        return model.painter

    def phases(self, model: Any, config: GanConfig) -> Sequence[Phase]:
        game = Game(model, config)
        after = game.clip if config.penalty == "clip" else None
        return [
            Phase("critic", model.critic, game.critic_loss, rate=config.critic_rate, after=after),
            Phase("painter", model.painter, game.painter_loss, every=config.critic_steps),
        ]

    def start(self, painter: Any, config: GanConfig, request: PaintRequest, generators: Sequence[Generator]) -> Tensor:
        """(N, latent) noise."""
        return noise(generators, config.latent)

    def finish(
        self,
        painter: Any,
        config: GanConfig,
        request: PaintRequest,
        start: Tensor,
        generators: Sequence[Generator],
    ) -> Tensor:
        device = next(painter.parameters()).device
        labels = [config.classes if label is None else label for label in request.labels] or [config.classes] * len(
            start
        )
        return painter(start.to(device), torch.tensor(labels, device=device)).clamp(-1, 1)

    def realness(self, model: Any, config: GanConfig, pictures: Tensor, labels: Tensor | None) -> Tensor:
        anything = torch.full((len(pictures),), config.classes, device=pictures.device)
        scores: Tensor = model.critic(pictures, anything if labels is None or not config.classes else labels)
        return scores.float()

    def remedies(self, config: GanConfig, illness: str) -> Mapping[str, Any]:
        """Against collapse the relativistic game with both penalties, or stronger ones. The same where a game without
        penalties comes apart: it need not converge (arXiv 1801.04406). Against a critic that knows its pictures by
        heart, augmentation (arXiv 2006.06676)."""
        if illness == "critic-overfits":
            return {"augment": min(1.0, config.augment + 0.5)} if config.augment < 1 else {}
        unruly = illness == "divergence" and config.penalty == "none"
        if not (illness in ("collapse", "dropping") or unruly) or config.net == "projected":
            return {}
        game = {"loss": "relativistic", "penalty": "r1+r2"}
        if (config.loss, config.penalty) == tuple(game.values()):
            return {"gamma": 4 * config.gamma}
        return {**game, "gamma": 0.1, "penalty_every": 4, "critic_rate": 1.0}

    def takes(self, config: GanConfig) -> frozenset[str]:
        return frozenset({"label"} if config.classes and config.net != "projected" else ())

    def how(self, config: GanConfig, request: PaintRequest) -> dict[str, Any]:
        return {"sampler": "GAN", "steps": 1, "guidance": 1.0}


class Game:
    """The two losses, with what both sides share."""

    def __init__(self, pair: Pair, config: GanConfig) -> None:
        self.pair, self.config = pair, config
        self.critic_side, self.painter_side = LOSSES[config.loss]
        self.penalty = PENALTIES[config.penalty]
        self._painted: list[tuple[Tensor, Tensor]] = []
        s = config.augment  # as published, but for colour: what both sides see too bright and too gaudy is painted so
        self.augment = Augment(translate=0.125 * s, cutout=0.5 * s)

    def critic_loss(self, batch: Batch, now: Now) -> Tensor:
        labels = self._labels(batch, now)
        fake = self._paint_for_both(batch, labels, now)
        real, fake = self._seen(batch.pictures, now), self._seen(fake.detach(), now)
        of_real, of_fake = self._both_scores(real, fake, labels)
        loss = self.critic_side(of_real, of_fake)
        now.notes.update({"score real": of_real.detach().mean(), "score made": of_fake.detach().mean()})
        every = self.config.penalty_every
        if self.config.penalty in ("none", "clip") or now.step % every:
            return loss
        return loss + every * self.config.gamma * self._penalty(real, fake, labels, now)

    def painter_loss(self, batch: Batch, now: Now) -> Tensor:
        painted, labels = self._painted.pop()
        fake = self._seen(painted, now)
        of_fake = self.pair.critic(fake, labels).float()
        of_real = of_fake
        if self.config.loss == "relativistic":
            with torch.no_grad():
                of_real = self.pair.critic(self._seen(batch.pictures, now), labels).float()
        return self.painter_side(of_real, of_fake)

    @torch.no_grad()
    def clip(self) -> None:
        """Hold every weight of the critic in [-gamma, gamma] (arXiv 1701.07875, algorithm 1)."""
        for p in self.pair.critic.parameters():
            p.clamp_(-self.config.gamma, self.config.gamma)

    def _both_scores(self, real: Tensor, fake: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Together, which is faster; apart where batch norm would mix them (arXiv 1511.06434 keeps them apart)."""
        if self.config.norm:
            return self.pair.critic(real, labels).float(), self.pair.critic(fake, labels).float()
        of_real, of_fake = self.pair.critic(torch.cat([real, fake]), labels.repeat(2)).float().chunk(2)
        return of_real, of_fake

    def _penalty(self, real: Tensor, fake: Tensor, labels: Tensor, now: Now) -> Tensor:
        def scores(x: Tensor) -> Tensor:
            return self.pair.critic(x, labels if len(x) == len(labels) else labels.repeat(2)).float()

        return self.penalty(scores, real, fake, now.chance.uniform(len(real)))

    def _paint_for_both(self, batch: Batch, labels: Tensor, now: Now) -> Tensor:
        """Pictures for the critic; kept for the painter's own loss where that comes next in this step."""
        kept = now.step % self.config.critic_steps == 0
        with torch.set_grad_enabled(kept):
            painted = self.pair.painter(now.chance.normal(len(batch.pictures), self.config.latent), labels)
        self._painted = [(painted, labels)] if kept else []
        return painted

    def _seen(self, pictures: Tensor, now: Now) -> Tensor:
        return augment(pictures, self.augment, now.chance)

    def _labels(self, batch: Batch, now: Now) -> Tensor:
        """The batch's labels, or 'any' (= classes) where there are none and for a tenth of them."""
        rows = len(batch.pictures)
        anything = torch.full((rows,), self.config.classes, device=batch.pictures.device)
        if batch.labels is None or not self.config.classes:
            return anything
        return torch.where(now.chance.keep(0.9, rows), batch.labels, anything)


register("family", "gan")(Gan())
