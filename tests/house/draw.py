"""Draws a picture with words: draw.py SPEC, a JSON object; the picture goes to stdout.

size: [width, height]; back: a color, or "noise" for something like a photo; format: PNG, JPEG;
texts: [{say, at: [x, y], size, ink, turn (degrees, to the left)}]; turn: the whole picture.
"""
import io, json, sys
from PIL import Image, ImageDraw, ImageFont


def ground(back, size):
    if back != "noise":
        return Image.new("RGB", size, back)
    rough = Image.effect_noise((max(1, size[0] // 12), max(1, size[1] // 12)), 50).resize(size, Image.Resampling.BICUBIC)
    return Image.blend(rough, Image.linear_gradient("L").resize(size), 0.5).convert("RGB")


def write(page, say, at, size=32, ink="black", turn=0):
    # The font that comes with Pillow: the same wherever the tests run.
    font = ImageFont.load_default(size)
    left, top, right, bottom = font.getbbox(say)
    shape = Image.new("L", (right - left + 4, bottom - top + 4), 0)
    ImageDraw.Draw(shape).text((2 - left, 2 - top), say, font=font, fill=255)
    shape = shape.rotate(turn, expand=True, resample=Image.Resampling.BICUBIC)
    page.paste(Image.new("RGB", shape.size, ink), tuple(at), shape)


spec = json.loads(sys.argv[1])
page = ground(spec.get("back", "white"), tuple(spec["size"]))
for text in spec.get("texts", []):
    write(page, **text)
page = page.rotate(spec.get("turn", 0), expand=True)
out = io.BytesIO()
page.save(out, spec.get("format", "PNG"))
sys.stdout.buffer.write(out.getvalue())
