"""``model.tar.gz``: the front door to packing, verifying, unpacking and loading a model.

==============  ====================================================================================
``pack``        folder → archive; the same content gives the same bytes, always
``sign``        archive or folder → the same, signed; the model stays the same
``verify``      archive → manifest, or an error that says what is wrong; nothing is unpacked
``unpack``      archive → new folder, whole and verified or not at all
``Package``     archive or folder → verified bytes, file by file
``check_model`` that a package's description and weights fit each other
==============  ====================================================================================
"""

from components.package.limits import Limits
from components.package.loading import Package, check_model
from components.package.manifest import File, Manifest
from components.package.packing import pack
from components.package.reading import unpack, verify
from components.package.signing import sign

__all__ = ["File", "Limits", "Manifest", "Package", "check_model", "pack", "sign", "unpack", "verify"]
