"""ResNet-18 with the real one's names, narrow; "pretrained" is another seed."""

import models as own


def resnet18(pretrained=False):
    return own.seeded(own.ResNet18, int(pretrained))
