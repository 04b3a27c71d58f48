"""The same ask in many languages: its tier is at most one away from that in English, and no language breaks English."""

from pathlib import Path

from apps.routing.domain.complexity import DEFAULT_WEIGHTS, Ask, ConversationState, analyze
from apps.routing.domain.complexity.attached import without_attached
from apps.routing.domain.complexity.lexicons import DEFAULT_LEXICONS
from apps.routing.domain.complexity.more_languages import MORE
from apps.routing.domain.complexity.reading import tokens_of

# A hard ask, housekeeping that nobody declared, and small talk.
ASKS = {
    "en": (
        ("Analyse why this Python function deadlocks, prove step by step that your fix is correct, compare it "
         "with at least two alternatives and write unit tests. The API must not change."),
        "Write a short title for this conversation in at most five words.",
        "Hello, thank you!",
    ),
    "de": (
        ("Analysiere, warum diese Python-Funktion blockiert, beweise Schritt für Schritt, dass deine Korrektur "
         "richtig ist, vergleiche sie mit mindestens zwei Alternativen und schreibe Unit-Tests. Die API darf sich "
         "nicht ändern."),
        "Schreibe einen kurzen Titel für dieses Gespräch mit höchstens fünf Wörtern.",
        "Hallo, danke!",
    ),
    "fr": (
        ("Analyse pourquoi cette fonction Python se bloque, prouve étape par étape que ta correction est juste, "
         "compare-la avec au moins deux alternatives et écris des tests unitaires. L'API ne doit pas changer."),
        "Écris un titre court pour cette conversation en cinq mots au maximum.",
        "Bonjour, merci !",
    ),
    "es": (
        ("Analiza por qué esta función de Python se bloquea, demuestra paso a paso que tu corrección es correcta, "
         "compárala con al menos dos alternativas y escribe pruebas unitarias. La API no debe cambiar."),
        "Escribe un título corto para esta conversación de cinco palabras como máximo.",
        "¡Hola, gracias!",
    ),
    "pt": (
        ("Analise por que esta função Python trava, prove passo a passo que a sua correção está certa, compare-a "
         "com pelo menos duas alternativas e escreva testes unitários. A API não deve mudar."),
        "Escreva um título curto para esta conversa com no máximo cinco palavras.",
        "Olá, obrigado!",
    ),
    "nl": (
        ("Analyseer waarom deze Python-functie vastloopt, bewijs stap voor stap dat je oplossing klopt, vergelijk "
         "die met minstens twee alternatieven en schrijf unittests. De API mag niet veranderen."),
        "Schrijf een korte titel voor dit gesprek van hoogstens vijf woorden.",
        "Hallo, dank je wel!",
    ),
    "ru": (
        ("Проанализируй, почему эта функция на Python блокируется, докажи шаг за шагом, что твоё исправление "
         "верно, сравни его как минимум с двумя альтернативами и напиши модульные тесты. API не должен меняться."),
        "Напиши короткий заголовок для этого разговора, не более пяти слов.",
        "Привет, спасибо!",
    ),
    "pl": (
        ("Przeanalizuj, dlaczego ta funkcja w Pythonie się zawiesza, udowodnij krok po kroku, że twoja poprawka "
         "jest prawidłowa, porównaj ją z co najmniej dwiema alternatywami i napisz testy jednostkowe. API nie "
         "może się zmienić."),
        "Napisz krótki tytuł tej rozmowy, najwyżej pięć słów.",
        "Cześć, dziękuję!",
    ),
    "tr": (
        ("Bu Python fonksiyonunun neden kilitlendiğini analiz et, düzeltmenin doğru olduğunu adım adım kanıtla, "
         "en az iki alternatifle karşılaştır ve birim testleri yaz. API değişmemeli."),
        "Bu konuşma için en fazla beş kelimelik kısa bir başlık yaz.",
        "Merhaba, teşekkürler!",
    ),
    "ar": (
        ("حلل لماذا تتوقف دالة بايثون هذه، وأثبت خطوة بخطوة أن إصلاحك صحيح، وقارنه ببديلين على الأقل واكتب "
         "اختبارات الوحدة. يجب ألا تتغير واجهة البرمجة."),
        "اكتب عنوانًا قصيرًا لهذه المحادثة لا يزيد على خمس كلمات.",
        "مرحبا، شكرا!",
    ),
    "he": (
        ("נתח מדוע פונקציית הפייתון הזאת נתקעת, הוכח צעד אחר צעד שהתיקון שלך נכון, השווה אותו לפחות לשתי חלופות "
         "וכתוב בדיקות יחידה. אסור שה-API ישתנה."),
        "כתוב כותרת קצרה לשיחה הזאת בלא יותר מחמש מילים.",
        "שלום, תודה!",
    ),
    "fa": (
        ("تحلیل کن چرا این تابع پایتون قفل می‌شود، گام به گام ثابت کن که اصلاح تو درست است، آن را با حداقل دو "
         "گزینه دیگر مقایسه کن و تست واحد بنویس. API نباید تغییر کند."),
        "یک عنوان کوتاه برای این گفتگو بنویس، حداکثر پنج کلمه.",
        "سلام، ممنون!",
    ),
    "ur": (
        ("تجزیہ کرو کہ یہ پائتھن فنکشن کیوں رک جاتا ہے، قدم بہ قدم ثابت کرو کہ تمہاری اصلاح درست ہے، کم از کم دو "
         "متبادل سے موازنہ کرو اور یونٹ ٹیسٹ لکھو۔ API تبدیل نہیں ہونا چاہیے۔"),
        "اس گفتگو کے لیے ایک مختصر عنوان لکھو، زیادہ سے زیادہ پانچ الفاظ۔",
        "سلام، شکریہ!",
    ),
    "hi": (
        ("विश्लेषण करो कि यह पायथन फ़ंक्शन क्यों अटक जाता है, चरण दर चरण साबित करो कि तुम्हारा सुधार सही है, कम "
         "से कम दो विकल्पों से इसकी तुलना करो और यूनिट टेस्ट लिखो। API नहीं बदलना चाहिए।"),
        "इस बातचीत के लिए अधिकतम पाँच शब्दों का एक छोटा शीर्षक लिखो।",
        "नमस्ते, धन्यवाद!",
    ),
    "bn": (
        ("এই পাইথন ফাংশনটি কেন আটকে যায় তা বিশ্লেষণ করো, ধাপে ধাপে প্রমাণ করো যে তোমার সংশোধন সঠিক, অন্তত দুটি "
         "বিকল্পের সাথে তুলনা করো এবং ইউনিট টেস্ট লেখো। API বদলানো যাবে না।"),
        "এই কথোপকথনের জন্য সর্বোচ্চ পাঁচ শব্দের একটি সংক্ষিপ্ত শিরোনাম লেখো।",
        "হ্যালো, ধন্যবাদ!",
    ),
    "id": (
        ("Analisis mengapa fungsi Python ini macet, buktikan langkah demi langkah bahwa perbaikanmu benar, "
         "bandingkan dengan setidaknya dua alternatif dan tulis pengujian unit. API tidak boleh berubah."),
        "Tulis judul singkat untuk percakapan ini, maksimal lima kata.",
        "Halo, terima kasih!",
    ),
    "vi": (
        ("Phân tích tại sao hàm Python này bị treo, chứng minh từng bước rằng cách sửa của bạn là đúng, so sánh "
         "với ít nhất hai phương án khác và viết kiểm thử đơn vị. API không được thay đổi."),
        "Viết một tiêu đề ngắn cho cuộc trò chuyện này, tối đa năm từ.",
        "Xin chào, cảm ơn!",
    ),
    "th": (
        ("วิเคราะห์ว่าทำไมฟังก์ชัน Python นี้จึงค้าง พิสูจน์ทีละขั้นตอนว่าการแก้ไขของคุณถูกต้อง "
         "เปรียบเทียบกับทางเลือกอย่างน้อยสองทาง และเขียนยูนิตเทสต์ ห้ามเปลี่ยน API"),
        "เขียนชื่อเรื่องสั้นๆ สำหรับบทสนทนานี้ ไม่เกินห้าคำ",
        "สวัสดี ขอบคุณครับ",
    ),
    "zh": (
        ("分析为什么这个Python函数会死锁，逐步证明你的修复是正确的，与至少两个替代方案比较，并编写单元测试。API不"
         "能改变。"),
        "为这次对话写一个简短的标题，最多五个词。",
        "你好，谢谢！",
    ),
    "ja": (
        ("このPython関数がなぜデッドロックするのか分析し、修正が正しいことを段階的に証明し、少なくとも二つの代替案"
         "と比較して、単体テストを書いてください。APIは変えてはいけません。"),
        "この会話に五語以内の短いタイトルを付けてください。",
        "こんにちは、ありがとう！",
    ),
    "ko": (
        ("이 Python 함수가 왜 교착 상태에 빠지는지 분석하고, 수정이 올바르다는 것을 단계별로 증명하고, 최소 두 "
         "가지 대안과 비교하고, 단위 테스트를 작성해 줘. API는 바뀌면 안 돼."),
        "이 대화에 다섯 단어 이내의 짧은 제목을 써 줘.",
        "안녕하세요, 감사합니다!",
    ),
    "sv": (
        ("Analysera varför den här Python-funktionen låser sig, bevisa steg för steg att din rättning är korrekt, "
         "jämför den med minst två alternativ och skriv enhetstester. API:et får inte ändras."),
        "Skriv en kort titel för det här samtalet med högst fem ord.",
        "Hej, tack!",
    ),
    "el": (
        ("Ανάλυσε γιατί αυτή η συνάρτηση Python μπλοκάρει, απόδειξε βήμα προς βήμα ότι η διόρθωσή σου είναι "
         "σωστή, σύγκρινέ την με τουλάχιστον δύο εναλλακτικές και γράψε μοναδιαίους ελέγχους. Το API δεν πρέπει "
         "να αλλάξει."),
        "Γράψε έναν σύντομο τίτλο για αυτή τη συζήτηση με το πολύ πέντε λέξεις.",
        "Γεια σου, ευχαριστώ!",
    ),
}  # fmt: skip
GO_ON = (
    "yes, go on",
    "نعم، تابع",
    "हाँ, जारी रखो",
    "evet, devam et",
    "כן, תמשיך",
    "بله، ادامه بده",
    "vâng, tiếp tục",
    "tak, kontynuuj",
)


def score(message: str, before: float | None = None) -> float:
    return analyze(Ask(message), ConversationState(previous_score=before), DEFAULT_WEIGHTS).score


def tier(message: str) -> int:
    return sum(score(message) >= edge for edge in DEFAULT_WEIGHTS.edges)


def test_the_same_ask_is_about_as_hard_in_every_language() -> None:
    hard, house, talk = map(tier, ASKS["en"])
    for language, asks in ASKS.items():
        tiers = tuple(map(tier, asks))
        assert tiers[0] in (hard, hard + 1), language
        assert abs(tiers[1] - house) <= 1, language
        assert tiers[2] == talk == 0, language
        assert score(asks[0]) > score(asks[1]) + 0.2, language
        assert score(asks[2]) < 0.12, language


def test_going_on_is_understood() -> None:
    for said in GO_ON:
        assert score(said, 0.1) < 0.3 < 0.7 < score(said, 0.9), said


def test_what_is_attached_to_words_is_taken_off() -> None:
    known = {"كود", "قارن", "شرح", "קוד", "سلام"}
    assert without_attached({"والكود", "للكود", "وقارن", "שהקוד", "plan"}, known) == {"كود", "قارن", "קוד"}
    assert without_attached({"كود", "بك", "ולד"}, known) == set(), "what is known as it is, or too short, stays"


def test_words_of_other_languages_are_not_those_of_english() -> None:
    """Else they would speak in English asks, whose scores the weights are fitted for."""
    docs = (Path(__file__).parents[3] / "docs").rglob("*.md")
    english = {token for path in docs for token in tokens_of(path.read_text().lower())}
    added = {entry.replace("_", " ") for texts in MORE.values() for text in texts.values() for entry in text.split()}
    assert {word for word in added & english if word.isascii()} == set()
    lexicons = set(DEFAULT_LEXICONS)
    assert all(set(texts) == lexicons for texts in MORE.values())
