"""Where scripts of some versions find it."""

from tenon.torch.dynamo import refit_module_weights as refit_module_weights
