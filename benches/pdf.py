"""Makes some 200 ordinary PDF files, as shops send them, into a folder: `pdf.py FOLDER`.

With what PyPI has: pip install reportlab fpdf2 img2pdf pikepdf typst pymupdf matplotlib xhtml2pdf pillow
fontpkg-noto-sans-thai. A maker that is missing is left out, and said. Every name and number is made up.
"""

import io
import random
import sys
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter, ImageFont

DEJAVU = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"
WORDS = {
    "id": "Barang dikirim setiap hari kerja pukul sembilan pagi. Terima kasih atas pesanan kakak. Simpan "
    "kemasan sampai barang dicoba. Garansi berlaku satu tahun sejak tanggal pembelian. Jangan dicuci dengan "
    "air panas. Keringkan di tempat teduh. Isi kotak: satu lampu meja, satu kabel, satu buku petunjuk.",
    "pl": "Dziękujemy za zakupy w naszym sklepie. Przesyłka została wysłana w dniu zamówienia. Gwarancja "
    "obowiązuje dwa lata od daty zakupu. Prać w temperaturze trzydziestu stopni. Źródło światła można "
    "wymienić. Przed użyciem należy przeczytać całą instrukcję.",
    "en": "Thank you for your order. Keep the packaging until you have tried the product. The warranty lasts "
    "two years from the date of purchase. Do not immerse in water. Plug the lamp into a grounded socket. "
    "Contents of the box: one lamp, one cable, one manual.",
    "zh": "感谢您的订购。请在使用前阅读说明书。保修期为一年。请勿放入水中。包装内含一盏台灯、一根电缆和一本说明书。",
    "th": "ขอบคุณสำหรับการสั่งซื้อ กรุณาอ่านคู่มือก่อนใช้งาน รับประกันหนึ่งปี ห้ามแช่น้ำ",
}
THINGS = ["Lampu meja", "Kabel USB-C 1 m", "Tas kulit", "Kaos katun M", "Gelas 250 ml", "Sprei 160 x 200"]


def sentences(rng, lang, count):
    said = [s.strip() for s in WORDS[lang].replace("。", ".").split(".") if s.strip()]
    return [rng.choice(said) + ("。" if lang == "zh" else "" if lang == "th" else ".") for _ in range(count)]


def amount(rng):
    return f"{rng.randrange(5, 900) * 1000:,}".replace(",", ".")


def font(size):
    return ImageFont.truetype(DEJAVU, size)


def photo(rng, size=(900, 600)):
    """Something like a photo: soft colors, noise, and a shape."""
    small = Image.new("RGB", (24, 16))
    small.putdata([(rng.randrange(40, 220), rng.randrange(60, 200), rng.randrange(40, 200)) for _ in range(24 * 16)])
    picture = small.resize(size, Image.BICUBIC)
    draw = ImageDraw.Draw(picture)
    x, y = size[0] // 3, size[1] // 4
    draw.ellipse([x, y, x * 2, y * 3], fill=(230, 210, 180), outline=(80, 60, 40), width=6)
    return picture


def logo(rng):
    picture = Image.new("RGB", (320, 100), "white")
    draw = ImageDraw.Draw(picture)
    draw.ellipse([6, 10, 86, 90], fill=(rng.randrange(200), 90, 140))
    draw.text((100, 28), rng.choice(["Toko Biru", "Sklep Lampa", "Blue Shop"]), font=font(36), fill="#203050")
    return picture


def scan(rng, lang, kind="page", lines=24):
    """A page as a scanner gives it: a little askew, gray, with noise."""
    size = {"page": (1240, 1754), "receipt": (620, 1200), "label": (800, 1200)}[kind]
    page = Image.new("L", size, 250)
    draw = ImageDraw.Draw(page)
    y, letter = 90, 26 if kind != "label" else 34
    draw.text((80, y), {"page": "FAKTUR / INVOICE", "receipt": "STRUK", "label": "RESI"}[kind], font=font(44), fill=20)
    for n in range(lines if kind == "page" else 14):
        y += letter + 18 if n else 90
        if y > size[1] - 120:
            break
        if kind == "page":
            text = sentences(rng, lang, 1)[0][:64]
        else:
            text = f"{rng.choice(THINGS)}  {rng.randrange(1, 4)} x {amount(rng)}"[:34]
        draw.text((80, y), text, font=font(letter), fill=30)
    page = page.rotate(rng.uniform(-0.8, 0.8), fillcolor=250, resample=Image.BICUBIC)
    noise = Image.effect_noise(size, 14)
    return Image.blend(page, noise, 0.06).filter(ImageFilter.GaussianBlur(0.4))


def jpeg(picture, quality=72):
    out = io.BytesIO()
    picture.convert("RGB").save(out, "JPEG", quality=quality)
    return out.getvalue()


# Makers. Each yields (name, bytes).


def reportlab_files(rng):
    from reportlab.graphics.barcode import code128, qr
    from reportlab.graphics.shapes import Drawing
    from reportlab.lib import colors, pagesizes
    from reportlab.lib.styles import getSampleStyleSheet
    from reportlab.lib.utils import ImageReader
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.cidfonts import UnicodeCIDFont
    from reportlab.pdfbase.ttfonts import TTFont
    from reportlab.pdfgen import canvas
    from reportlab.platypus import Image as Flowed
    from reportlab.platypus import PageBreak, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

    pdfmetrics.registerFont(TTFont("DejaVu", DEJAVU))
    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
    styles = getSampleStyleSheet()

    def table(rows):
        grid = [("GRID", (0, 0), (-1, -1), 0.5, colors.grey), ("BACKGROUND", (0, 0), (-1, 0), colors.lightgrey)]
        return Table(rows, style=TableStyle(grid))

    for n in range(30):
        out, lang = io.BytesIO(), rng.choice(["id", "en", "pl"])
        doc = SimpleDocTemplate(out, pagesize=pagesizes.A4 if n % 4 else pagesizes.LETTER, pageCompression=n % 3 != 0)
        style = styles["Normal"].clone("x", fontName="DejaVu" if lang == "pl" or n % 2 else "Helvetica")
        rows = [["Barang", "Jumlah", "Harga"]] + [
            [rng.choice(THINGS), str(rng.randrange(1, 9)), amount(rng)] for _ in range(rng.randrange(2, 30))
        ]
        story = [Paragraph(f"Faktur {20260000 + n}", styles["Title"])]
        if n % 3 == 0:
            story.append(Flowed(io.BytesIO(jpeg(logo(rng))), 160, 50))
        story += [table(rows), Spacer(1, 12)] + [Paragraph(s, style) for s in sentences(rng, lang, 8)]
        for _ in range(n % 5):
            story += [PageBreak()] + [Paragraph(" ".join(sentences(rng, lang, 12)), style) for _ in range(4)]
        doc.build(story)
        yield f"reportlab-invoice-{n}", out.getvalue()
    for n in range(12):
        out = io.BytesIO()
        page = canvas.Canvas(out, pagesize=(283, 425))
        page.roundRect(8, 8, 267, 409, 10)
        page.setFont("Helvetica-Bold", 16)
        page.drawString(20, 390, "JNE REG")
        code128.Code128(f"TBR{rng.randrange(10**9, 10**10)}", barHeight=50, barWidth=1.1).drawOn(page, 20, 310)
        if n % 2:
            code = qr.QrCodeWidget(f"TBR{rng.randrange(10**9, 10**10)}")
            drawing = Drawing(80, 80)
            drawing.add(code)
            drawing.drawOn(page, 180, 40)
        page.setFont("Helvetica", 9)
        for i in range(8):
            page.drawString(20, 290 - 14 * i, f"{rng.choice(THINGS)} x {rng.randrange(1, 5)}")
        page.save()
        yield f"reportlab-label-{n}", out.getvalue()
    for n in range(8):
        out = io.BytesIO()
        page = canvas.Canvas(out)
        for _ in range(1 + n):
            page.setFont("STSong-Light", 12)
            for i, said in enumerate(sentences(rng, "zh", 12)):
                page.drawString(60, 780 - 22 * i, said)
            page.drawImage(ImageReader(photo(rng)), 60, 250, 300, 200)
            page.showPage()
        page.save()
        yield f"reportlab-chinese-manual-{n}", out.getvalue()
    for n in range(8):
        out = io.BytesIO()
        page = canvas.Canvas(out)
        page.drawString(60, 800, "Formulir pengembalian / Return form")
        for i in range(5):
            page.drawString(60, 755 - 40 * i, rng.choice(["Nama barang", "Alasan", "Tanggal", "Jumlah"]))
            page.acroForm.textfield(name=f"f{i}", x=200, y=745 - 40 * i, width=220, height=22, value="Lampu" if i else "")
        page.acroForm.checkbox(name="ok", x=60, y=520, checked=n % 2 == 0)
        page.linkURL("https://example.com/help", (60, 480, 200, 500))
        page.save()
        yield f"reportlab-form-{n}", out.getvalue()


def fpdf_files(rng):
    from fpdf import FPDF

    for n in range(20):
        pdf, lang = FPDF(format="A5" if n % 3 else "A4"), rng.choice(["id", "pl", "en"])
        pdf.add_font("DejaVu", fname=DEJAVU)
        for _ in range(1 + n % 6):
            pdf.add_page()
            pdf.set_font("DejaVu" if lang == "pl" else "Helvetica", size=14)
            pdf.cell(0, 10, "Kartu garansi", new_x="LMARGIN", new_y="NEXT")
            pdf.set_font("DejaVu" if lang == "pl" else "Times", size=11)
            pdf.multi_cell(0, 6, " ".join(sentences(rng, lang, 10)))
            if n % 2:
                pdf.image(photo(rng), w=70)
            with pdf.table(first_row_as_headings=False) as table:
                for _ in range(5):
                    table.row([rng.choice(THINGS), amount(rng)])
        yield f"fpdf2-warranty-{n}", bytes(pdf.output())


def thai_files(rng):
    import fontpkg_noto_sans_thai
    from fpdf import FPDF

    file = next(Path(fontpkg_noto_sans_thai.__file__).parent.rglob("*.ttf"))
    for n in range(8):
        pdf = FPDF()
        pdf.add_font("Thai", fname=file)
        for _ in range(1 + n % 3):
            pdf.add_page()
            pdf.set_font("Thai", size=13)
            for said in sentences(rng, "th", 14):
                pdf.cell(0, 9, said, new_x="LMARGIN", new_y="NEXT")
            if n % 2:
                pdf.image(photo(rng), w=80)
        yield f"fpdf2-thai-{n}", bytes(pdf.output())


def typst_files(rng):
    import typst

    for n in range(20):
        lang = rng.choice(["id", "pl", "en"])
        sections = "".join(
            f"= Bagian {i + 1}\n" + " ".join(sentences(rng, lang, 25)) + "\n\n#lorem(80)\n"
            + "#table(columns: 3, [Kode], [Nama], [Harga], " + ", ".join(f"[A{j}], [{rng.choice(THINGS)}], [{amount(rng)}]" for j in range(6)) + ")\n"
            + "#rect(width: 60%, radius: 6pt, fill: luma(240))[Perhatian: jangan dicuci.]\n"
            + ("#circle(radius: 20pt, fill: gradient.linear(blue, green))\n" if i % 2 else "")
            for i in range(1 + n)
        )
        yield f"typst-manual-{n}", typst.compile(f"#set page(numbering: \"1\")\n#set text(size: 10pt)\n{sections}".encode())


def pymupdf_files(rng):
    import pymupdf

    for n in range(10):
        doc = pymupdf.open()
        for _ in range(1 + n % 4):
            page = doc.new_page()
            page.insert_textbox((50, 50, 545, 400), "".join(sentences(rng, "zh", 30)), fontname="china-s", fontsize=11)
            page.insert_image((50, 420, 350, 620), stream=jpeg(photo(rng)))
        yield f"pymupdf-chinese-{n}", doc.tobytes(garbage=3, deflate=True, use_objstms=n % 2)
    for n in range(10):
        doc = pymupdf.open()
        page = doc.new_page()
        rows = "".join(f"<tr><td>{rng.choice(THINGS)}</td><td>{amount(rng)}</td></tr>" for _ in range(12))
        words = "</p><p>".join(sentences(rng, rng.choice(["pl", "id"]), 8))
        page.insert_htmlbox((40, 40, 555, 780), f"<h1>Faktur {n}</h1><p>{words}</p><table>{rows}</table>")
        page.add_freetext_annot((300, 700, 500, 730), "Lunas / Paid")
        page.add_highlight_annot((40, 60, 200, 80))
        if n % 2:
            page.add_stamp_annot((350, 60, 520, 110), stamp=0)
        yield f"pymupdf-annotated-{n}", doc.tobytes(deflate=True)


def html_files(rng):
    from xhtml2pdf import pisa

    for n in range(10):
        rows = "".join(f"<tr><td>{rng.choice(THINGS)}</td><td align=right>{amount(rng)}</td></tr>" for _ in range(15))
        page = f"<h1>Nota {n}</h1><table border=1 cellpadding=4>{rows}</table><p>{' '.join(sentences(rng, 'id', 9))}</p>"
        out = io.BytesIO()
        pisa.CreatePDF(page, dest=out)
        yield f"xhtml2pdf-{n}", out.getvalue()


def plot_files(rng):
    import matplotlib

    matplotlib.use("pdf")
    from matplotlib import pyplot

    for n in range(8):
        matplotlib.rcParams["pdf.fonttype"] = 3 if n % 2 else 42
        figure, axes = pyplot.subplots(figsize=(6, 4))
        axes.plot([rng.random() for _ in range(30)])
        axes.bar(range(30), [rng.random() for _ in range(30)], alpha=0.4)
        axes.set_title("Suhu warna (K)")
        out = io.BytesIO()
        figure.savefig(out, format="pdf")
        pyplot.close(figure)
        yield f"matplotlib-chart-{n}", out.getvalue()


def scans(rng):
    import img2pdf

    for n in range(24):
        lang, count = rng.choice(["id", "pl", "en"]), [1, 1, 2, 3, 4, 6][n % 6]
        pages = [scan(rng, lang, lines=rng.randrange(8, 30)) for _ in range(count)]
        if n % 4 == 3:  # Fax: CCITT
            files = []
            for page in pages:
                out = io.BytesIO()
                page.point(lambda shade: 255 if shade > 150 else 0).convert("1").save(out, "TIFF", compression="group4")
                files.append(out.getvalue())
        else:
            files = [jpeg(page, 60 + n) for page in pages]
        yield f"img2pdf-scan-{n}", img2pdf.convert(files)
    for n in range(8):
        out = io.BytesIO()
        first, *rest = [scan(rng, "id", "receipt") for _ in range(1 + n % 3)]
        first.save(out, "PDF", save_all=True, append_images=rest, resolution=150)
        yield f"pillow-receipt-{n}", out.getvalue()
    for n in range(6):
        out = io.BytesIO()
        page = scan(rng, "id", "label").convert("RGB")
        page.save(out, "JPEG2000" if n % 2 else "PNG")
        yield f"img2pdf-label-{n}", img2pdf.convert(out.getvalue())
    for n in range(6):
        out = io.BytesIO()
        photo(rng, (1600, 1100)).convert("CMYK" if n % 2 else "RGB").save(out, "JPEG")
        yield f"img2pdf-photo-{n}", img2pdf.convert(out.getvalue())


def rewritten(rng, made):
    """The same files as other programs save them."""
    import pikepdf

    some = [file for file in made if not file[0].startswith("img2pdf-photo")]
    for n, (name, content) in enumerate(rng.sample(some, 12)):
        with pikepdf.open(io.BytesIO(content)) as pdf:
            out, streams = io.BytesIO(), [pikepdf.ObjectStreamMode.generate, pikepdf.ObjectStreamMode.disable][n % 2]
            if n % 3 == 0:
                for page in pdf.pages:
                    page.rotate([90, 180, 270][n % 9 // 3], relative=True)
            version = ["1.3", "1.5", "1.7", "2.0"][n % 4]
            pdf.save(out, object_stream_mode=streams, force_version=version, linearize=n % 4 == 1)
        yield f"qpdf-{name}", out.getvalue()


def main():
    folder, rng, made = Path(sys.argv[1]), random.Random(3), []
    folder.mkdir(parents=True, exist_ok=True)
    makers = [reportlab_files, fpdf_files, thai_files, typst_files, pymupdf_files, html_files, plot_files, scans]
    for maker in [*makers, lambda rng: rewritten(rng, made)]:
        try:
            made += list(maker(rng))
        except ImportError as missing:
            print("left out:", missing)
    for name, content in made:
        (folder / f"{name}.pdf").write_bytes(content)
    print(len(made), "files")


main()
