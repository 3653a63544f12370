"""Texts of many kinds, most of which the shipped models have never seen: scripts of the world, data, code, bytes."""

import json
import struct
import zlib

import numpy as np

SENTENCES = {
    "Amharic": "ሰው ሁሉ በነፃነትና በእኩልነት የተወለደ ነው፤ ማስተዋልና ሕሊና ስላለው እርስ በርሱ በወንድማማችነት መንፈስ መተያየት ይገባዋል።",
    "Arabic": "يولد جميع الناس أحرارًا متساوين في الكرامة والحقوق، وقد وهبوا عقلًا وضميرًا.",
    "Armenian": "Բոլոր մարդիկ ծնվում են ազատ ու հավասար իրենց արժանապատվությամբ ու իրավունքներով։",
    "Bengali": "সমস্ত মানুষ স্বাধীনভাবে সমান মর্যাদা এবং অধিকার নিয়ে জন্মগ্রহণ করে।",
    "Burmese": "လူတိုင်းသည် တူညီ လွတ်လပ်သော ဂုဏ်သိက္ခာဖြင့် လည်းကောင်း၊ မွေးဖွားလာသူများ ဖြစ်သည်။",
    "Cherokee": "ᏂᎦᏓ ᎠᏂᏴᏫ ᏂᎨᎫᏓᎸᎾ ᎠᎴ ᎤᏂᏠᏱ ᎤᎾᏕᎿ ᏚᏳᎧᏛ ᎨᏒᎢ.",
    "Chinese": "人人生而自由,在尊严和权利上一律平等。他们赋有理性和良心,并应以兄弟关系的精神相对待。",
    "English": "All human beings are born free and equal in dignity and rights, and should act as brothers.",
    "Georgian": "ყველა ადამიანი იბადება თავისუფალი და თანასწორი თავისი ღირსებითა და უფლებებით.",
    "Greek": "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα.",
    "Gujarati": "પ્રતિષ્ઠા અને અધિકારોની દૃષ્ટિએ સર્વ માનવો જન્મથી સ્વતંત્ર અને સમાન હોય છે.",
    "Hebrew": "כל בני האדם נולדו בני חורין ושווים בערכם ובזכויותיהם.",
    "Hindi": "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता और समानता प्राप्त है।",
    "Japanese": "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。",
    "Kannada": "ಎಲ್ಲಾ ಮಾನವರೂ ಸ್ವತಂತ್ರರಾಗಿಯೇ ಜನಿಸಿದ್ದಾರೆ, ಘನತೆ ಹಾಗೂ ಹಕ್ಕುಗಳಲ್ಲಿ ಸಮಾನರಾಗಿದ್ದಾರೆ.",
    "Khmer": "មនុស្សទាំងអស់កើតមកមានសេរីភាព និងភាពស្មើៗគ្នាក្នុងសិទ្ធិ និងសេចក្ដីថ្លៃថ្នូរ។",
    "Korean": "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다.",
    "Malayalam": "മനുഷ്യരെല്ലാവരും തുല്യാവകാശങ്ങളോടും അന്തസ്സോടും സ്വാതന്ത്ര്യത്തോടും കൂടി ജനിച്ചിട്ടുള്ളവരാണ്.",
    "Mongolian": "Хүн бүр төрж мэндлэхэд эрх чөлөөтэй, адилхан нэр төртэй, ижил эрхтэй байдаг.",
    "Russian": "Все люди рождаются свободными и равными в своём достоинстве и правах.",
    "Sinhala": "සියලු මනුෂ්‍යයෝ නිදහස්ව උපත ලබා ඇත. ගරුත්වයෙන් හා අයිතිවාසිකම්වලින් සමාන වෙති.",
    "Tamil": "மனிதப் பிறவியினர் சகலரும் சுதந்திரமாகவே பிறக்கின்றனர்; அவர்கள் மதிப்பிலும் உரிமைகளிலும் சமமானவர்கள்.",
    "Telugu": "ప్రతిపత్తిస్వత్వముల విషయమున మానవులెల్లరును జన్మతః స్వతంత్రులును సమానులును నగుదురు.",
    "Thai": "มนุษย์ทั้งปวงเกิดมามีอิสระและเสมอภาคกันในศักดิ์ศรีและสิทธิ ต่างในตนมีเหตุผลและมโนธรรม",
    "Tibetan": "འགྲོ་བ་མིའི་རིགས་རྒྱུད་ཡོངས་ལ་སྐྱེས་ཙམ་ཉིད་ནས་ཆེ་མཐོངས་དང༌། ཐོབ་ཐངགི་རང་དབང་འདྲ་མཉམ་དུ་ཡོད་ལ།",
    "Turkish": "Bütün insanlar hür, haysiyet ve haklar bakımından eşit doğarlar; akıl ve vicdana sahiptirler.",
    "Vietnamese": "Tất cả mọi người sinh ra đều được tự do và bình đẳng về nhân phẩm và quyền lợi.",
    "Yiddish": "יעדער מענטש װערט געבױרן פֿרײַ און גלײַך אין כּבֿוד און רעכט.",
}


def varied(size: int) -> dict[str, bytes]:
    """Texts of many kinds, by its name, each of about `size` bytes."""
    rng = np.random.default_rng(7)
    lines = size // 40 + 1
    numbers = rng.integers(0, 10_000, (lines, 5)).tolist()
    records = [
        {"id": i, "name": f"user{i}", "tags": row, "ok": i % 3 == 0, "none": None} for i, row in enumerate(numbers)
    ]
    whole = {name: f"{sentence}\n".encode() * (size // len(sentence) + 1) for name, sentence in SENTENCES.items()}
    whole |= {
        "UTF-16": SENTENCES["English"].encode("utf-16") * (size // 100 + 1),
        "Latin 1": "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich.\n".encode("latin-1") * lines,
        "emoji": "👩‍👩‍👧‍👦 🇳🇵 ✍🏽 ﷽ 🤷🏾‍♀️ ".encode() * lines,
        "CSV": "".join(",".join(map(str, row)) + "\r\n" for row in numbers).encode(),
        "JSON": json.dumps(records).encode(),
        "a log": "".join(
            f"2024-02-{1 + i % 28:02} 13:{i % 60:02}:07,{row[0]:04} WARN [pool-{i % 7}] GET /api/v1/{row[1]:x} 404\n"
            for i, row in enumerate(numbers)
        ).encode(),
        "source code": b"for (size_t i = 0; i < n; ++i) {\n\tout[i] = (uint8_t)(in[i] ^ 0x5Au);\n}\n" * lines,
        "hexadecimal digits": rng.bytes(size // 2).hex().encode(),
        "a PNG": png(rng, size),
        "compressed by zlib": zlib.compress(rng.integers(0, 64, size, np.uint8).tobytes(), 9),
        "32-bit numbers": np.cumsum(rng.integers(0, 300, size // 4), dtype=np.int32).tobytes(),
        "random bytes": rng.bytes(size),
        "zeros": bytes(size),
        "every byte": bytes(range(256)) * (size // 256 + 1),
    }
    return {name: text[:size] for name, text in whole.items()}


def png(rng: np.random.Generator, size: int) -> bytes:
    """A PNG of noise, of about `size` bytes."""
    width = 32
    height = max(1, size // (3 * width))
    rows = b"".join(b"\0" + rng.bytes(3 * width) for _ in range(height))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)
