"""Run by kraken's own interpreter: read one page with a model, print what kraken's records say as JSON.

Arguments: the model, the page's XML, the page's image.
"""

import json
import sys

from kraken.configs import RecognitionInferenceConfig
from kraken.lib.util import open_image
from kraken.lib.xml import XMLPage
from kraken.tasks import RecognitionTaskModel

model, xml, image = sys.argv[1:]
task = RecognitionTaskModel.load_model(model)
config = RecognitionInferenceConfig(accelerator="cpu", num_threads=1)
segmentation = XMLPage(xml).to_container()
records = list(task.predict(open_image(image), segmentation, config))
print(
    json.dumps(
        {
            "frameworks": sorted({"tensorflow", "torch", "keras"} & set(sys.modules)),
            "lines": {
                record.id: {
                    "text": record.prediction,
                    "confidences": [float(confidence) for confidence in record.confidences],
                    "cuts": [[[int(x), int(y)] for x, y in cut] for cut in record.cuts],
                }
                for record in records
            },
        }
    )
)
