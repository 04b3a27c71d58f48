"""What the lexicons have in the languages of which they need more: imperatives, and the forms that agents are asked in.

Words are parted by blanks; what is written with an underscore is a phrase. Words that English has too are left out,
whatever they mean: they would speak in every English ask.
"""

from collections.abc import Mapping

MORE: Mapping[str, Mapping[str, str]] = {
    "Portuguese": {
        "reasoning": """por_que porquê comprove demonstre deduza analise analisa avalie avalia compara justifique
            depure diagnostique investigue otimize otimiza estratégia algoritmo teorema hipótese raciocínio
            arquitetura projete refatore refatora planeje planeja decida causa_raiz passo_a_passo prós_e_contras""",
        "actions": """pesquise abra baixe instale envie mande crie apague exclua renomeie mova copie consulte
            reserve_um monitore atualize converta extraia importe publique agende""",
        "sequence": "depois então em_seguida finalmente por_fim antes_de primeiro_o",
        "code": "código funções programação testes_unitários banco_de_dados repositório classe compilador",
        "creative": "poesia história conto canção romance_sobre piada imagine_que ficção",
        "factual": "quem quando onde qual quais quantos quantas o_que_é capital_da",
        "long_answer": "detalhado detalhada completo completa abrangente relatório aprofundado em_detalhe",
        "short_answer": "resumido curto curta brevemente resuma em_uma_frase sim_ou_não",
        "constraint": """deve devem apenas somente exatamente exceto pelo_menos no_máximo no_mínimo nunca sempre
            obrigatório não_use não_deve não_mude válido sem_usar sem_alterar sem_mudar""",
        "go_on": "sim continua continue_por_favor pode_continuar vá_em_frente prossiga claro",
        "small_talk": "olá obrigado obrigada bom_dia boa_tarde boa_noite tchau valeu",
    },
    "Dutch": {
        "reasoning": """waarom bewijs bewijzen analyseer beoordeel vergelijk rechtvaardig verklaar onderzoek
            optimaliseer strategie algoritme stelling hypothese redenering architectuur ontwerp refactoriseer
            leg_uit stap_voor_stap voor-_en_nadelen hoofdoorzaak""",
        "actions": """zoek openen downloaden installeer uitvoeren voer_uit stuur verstuur verzend bewaar opslaan
            verwijder hernoem verplaats kopieer boek_een configureer werk_bij exporteer""",
        "sequence": "daarna vervolgens eerst ten_slotte tenslotte uiteindelijk",
        "code": "functie functies programmeer broncode unittests eenheidstests databank",
        "creative": "gedicht verhaal grap liedje verzin",
        "factual": "wie wanneer waar welke hoeveel wat_is hoofdstad",
        "long_answer": "gedetailleerd gedetailleerde uitgebreid uitgebreide uitvoerig verslag",
        "short_answer": "kort korte beknopt samenvatten samenvatting vat_samen ja_of_nee",
        "constraint": """moet moeten alleen zonder precies behalve minstens minimaal hoogstens maximaal nooit altijd
            mag_niet""",
        "go_on": "ja ga_door ga_verder doorgaan graag",
        "small_talk": "hallo hoi bedankt dank_je dankjewel goedemorgen dag_hoor doei",
    },
    "Swedish": {
        "reasoning": """varför bevisa härled förklara analysera bedöm jämför motivera felsök undersök optimera
            algoritm hypotes resonemang arkitektur utforma refaktorisera steg_för_steg för-_och_nackdelar
            grundorsak""",
        "actions": """sök öppna ladda_ner ladda_ned installera kör skicka spara skapa ta_bort flytta kopiera boka
            konfigurera uppdatera konvertera exportera importera""",
        "sequence": "därefter först slutligen till_sist",
        "code": "kod koden funktion funktionen programmera enhetstest enhetstester källkod databas",
        "creative": "dikt berättelse skämt sång hitta_på",
        "factual": "vem när vilken vilket vad_är hur_många huvudstad",
        "long_answer": "detaljerad detaljerat utförlig utförligt rapport",
        "short_answer": "kortfattat kortfattad sammanfatta kort_svar ja_eller_nej",
        "constraint": "måste endast bara utan exakt förutom minst högst aldrig alltid får_inte",
        "go_on": "ja fortsätt kör_på gärna",
        "small_talk": "hej god_morgon hejdå tjena tack_så_mycket hej_och_tack",
    },
    "Polish": {
        "reasoning": """dlaczego czemu udowodnij dowód wyprowadź wyjaśnij wytłumacz przeanalizuj analiza oceń porównaj
            uzasadnij zdebuguj zdiagnozuj zbadaj zoptymalizuj strategia algorytm twierdzenie hipoteza rozumowanie
            architektura zaprojektuj zrefaktoryzuj zaplanuj krok_po_kroku wady_i_zalety zalety_i_wady przyczyna""",
        "actions": """szukaj wyszukaj znajdź otwórz pobierz ściągnij zainstaluj uruchom wykonaj wdróż wyślij zapisz
            utwórz usuń przenieś skopiuj zarezerwuj skonfiguruj zaktualizuj przekonwertuj wyeksportuj""",
        "sequence": "następnie potem najpierw później wreszcie na_koniec",
        "code": """kod kodu funkcja funkcję funkcji zaprogramuj testy_jednostkowe skrypt klasa klasę baza_danych
            bazy_danych""",
        "creative": "wiersz opowiadanie opowieść żart piosenka piosenkę wymyśl",
        "factual": "kto kiedy gdzie jaki jaka jakie który która ile co_to_jest stolica",
        "long_answer": "szczegółowy szczegółowo szczegółowym wyczerpujący dokładnie raport",
        "short_answer": "krótko krótki zwięźle streść podsumuj tak_lub_nie",
        "constraint": """musi muszą tylko wyłącznie bez oprócz przynajmniej najmniej najwyżej maksymalnie nigdy zawsze
            nie_może nie_wolno""",
        "go_on": "tak kontynuuj dalej dobrze śmiało",
        "small_talk": "cześć dziękuję dzięki dzień_dobry witaj",
    },
    "Czech": {
        "reasoning": """proč dokaž odvoď vysvětli analyzuj zanalyzuj vyhodnoť zhodnoť porovnej srovnej zdůvodni odlaď
            prozkoumej optimalizuj strategie algoritmus věta hypotéza architektura navrhni refaktoruj naplánuj
            krok_za_krokem výhody_a_nevýhody příčina""",
        "actions": """hledej vyhledej najdi otevři stáhni nainstaluj spusť proveď nasaď pošli odešli ulož vytvoř smaž
            přesuň zkopíruj rezervuj nastav aktualizuj převeď""",
        "sequence": "potom poté nejdřív nejprve nakonec následně",
        "code": "kód kódu funkce funkci naprogramuj jednotkové_testy skript třída třídu databáze databázi",
        "creative": "báseň příběh povídka povídku píseň vymysli",
        "factual": "kdo kdy jaký jaká jaké který která kolik co_je hlavní_město kde_je",
        "long_answer": "podrobně podrobný podrobnou detailní zprávu",
        "short_answer": "stručně krátce krátký shrň ano_nebo_ne",
        "constraint": "musí pouze jenom bez přesně kromě alespoň aspoň nejméně nejvýše maximálně nikdy vždy nesmí",
        "go_on": "ano pokračuj dál dobře",
        "small_talk": "ahoj děkuji díky dobrý_den",
    },
    "Ukrainian": {
        "reasoning": """чому доведи доведіть виведи поясни поясніть проаналізуй проаналізуйте оціни порівняй
            порівняйте обґрунтуй налагодь досліди оптимізуй стратегія алгоритм теорема гіпотеза міркування
            архітектура спроєктуй сплануй крок_за_кроком за_і_проти причина""",
        "actions": """шукай знайди відкрий завантаж встанови запусти виконай розгорни надішли відправ збережи створи
            видали перенеси скопіюй забронюй налаштуй онови""",
        "sequence": "потім далі спочатку спершу нарешті наприкінці",
        "code": "код коду функція функцію програму модульні_тести скрипт клас база_даних бази_даних",
        "creative": "вірш оповідання казка казку історію жарт пісня пісню вигадай",
        "factual": "хто коли де який яка яке скільки що_таке столиця",
        "long_answer": "докладно детально детальний детальним докладний звіт звітом",
        "short_answer": "коротко стисло короткий підсумуй так_чи_ні",
        "constraint": """повинен повинна мусить тільки лише без точно крім щонайменше принаймні щонайбільше ніколи
            завжди не_можна""",
        "go_on": "так продовжуй продовжуйте далі добре гаразд",
        "small_talk": "привіт дякую вітаю добрий_день бувай",
    },
    "Russian": {
        "reasoning": """зачем докажите объясните проанализируйте сравните оцени оцените обоснуй отладь исследуй
            оптимизируй стратегия алгоритм теорема гипотеза архитектура спроектируй спланируй шаг_за_шагом
            за_и_против причина""",
        "actions": "ищи выполни удали создай сохрани скопируй переименуй забронируй настрой обнови",
        "sequence": "далее наконец сперва после_этого",
        "code": "кода функцию программу класс скрипт модульные_тесты юнит-тесты база_данных базы_данных",
        "creative": "стихотворение сказка сказку историю песня песню шутка шутку придумай",
        "factual": "какой какая какое сколько что_такое столица",
        "long_answer": "детально подробный подробным подробную отчёт отчет отчётом",
        "short_answer": "коротко короткий вкратце резюмируй да_или_нет",
        "constraint": "должна должны только_если минимум максимум никогда всегда нельзя не_менее не_более кроме",
        "go_on": "продолжи продолжайте дальше хорошо давай",
        "small_talk": "здравствуйте благодарю добрый_день",
    },
    "Romanian": {
        "reasoning": """de_ce demonstrează dovedește explică analizează evaluează compară compar-o justifică depanează
            investighează optimizează algoritm teoremă ipoteză raționament arhitectură proiectează refactorizează
            planifică pas_cu_pas avantaje_și_dezavantaje""",
        "actions": """caută găsește deschide descarcă instalează rulează execută trimite salvează creează șterge mută
            copiază rezervă configurează actualizează trimite-mi""",
        "sequence": "apoi după_aceea mai_întâi întâi în_final",
        "code": "codul funcție funcția funcţie programează teste_unitare bază_de_date",
        "creative": "poezie poveste povestire glumă cântec inventează",
        "factual": "cine când unde câți câte ce_este capitala la_ce_oră",
        "long_answer": "detaliat detaliată amănunțit raport",
        "short_answer": "scurt scurtă pe_scurt rezumă da_sau_nu",
        "constraint": "trebuie doar numai fără exact_așa cel_puțin cel_mult niciodată întotdeauna nu_trebuie",
        "go_on": "da continuă mai_departe desigur",
        "small_talk": "bună mulțumesc mulţumesc bună_ziua salut pa_pa",
    },
    "Greek": {
        "reasoning": """γιατί απόδειξε αποδείξτε εξήγησε εξηγήστε ανάλυσε αναλύστε αξιολόγησε σύγκρινε σύγκρινέ
            συγκρίνετε αιτιολόγησε διερεύνησε βελτιστοποίησε στρατηγική αλγόριθμος θεώρημα υπόθεση αρχιτεκτονική
            σχεδίασε βήμα_προς_βήμα βήμα_βήμα""",
        "actions": """ψάξε αναζήτησε βρες άνοιξε κατέβασε εγκατέστησε τρέξε εκτέλεσε στείλε αποθήκευσε δημιούργησε
            διέγραψε μετακίνησε αντίγραψε κλείσε ρύθμισε ενημέρωσε""",
        "sequence": "μετά έπειτα ύστερα πρώτα τέλος στη_συνέχεια",
        "code": "κώδικας κώδικα συνάρτηση συνάρτησης προγραμμάτισε κλάση ελέγχους βάση_δεδομένων",
        "creative": "ποίημα ιστορία παραμύθι τραγούδι ανέκδοτο φαντάσου",
        "factual": "ποιος ποια ποιο πότε πού πόσοι πόσα τι_είναι πρωτεύουσα",
        "long_answer": "αναλυτικά αναλυτική λεπτομερής λεπτομερή λεπτομερώς αναφορά",
        "short_answer": "σύντομα σύντομο σύντομη περίληψη συνόψισε ναι_ή_όχι",
        "constraint": "πρέπει μόνο χωρίς ακριβώς εκτός τουλάχιστον το_πολύ ποτέ πάντα δεν_πρέπει",
        "go_on": "ναι συνέχισε συνεχίστε εντάξει προχώρα",
        "small_talk": "γεια ευχαριστώ καλημέρα καλησπέρα αντίο",
    },
    "Turkish": {
        "reasoning": """neden niçin niye kanıtla kanıtlayın ispatla ispat çıkarım açıkla açıklayın açıklar analiz_et
            analiz_edin çözümle incele inceleyin değerlendir değerlendirin karşılaştır karşılaştırın kıyasla
            gerekçelendir gerekçesini hata_ayıkla araştır optimize_et strateji stratejisi algoritma algoritması
            algoritmayı teorem hipotez mantığını mimari mimarisi mimarisini tasarla planla yeniden_düzenle
            adım_adım artıları_ve_eksileri kök_neden""",
        "actions": """ara arayın bul aç indir indirin yükle kur kurun çalıştır çalıştırın yürüt gönder gönderin yolla
            kaydet oluştur oluşturun taşı kopyala sorgula tıkla yapılandır güncelle güncelleyin dönüştür dağıt
            rezerve_et""",
        "sequence": "sonra ardından önce ilk_olarak son_olarak daha_sonra sonunda",
        "code": """kod kodu kodun kodda kodunu fonksiyon fonksiyonu fonksiyonun fonksiyonunun işlev işlevi sınıf
            sınıfı yöntem programla derle birim_test birim_testi birim_testleri betik veritabanı veritabanını depo
            deposu kodunun fonksiyonda""",
        "creative": "şiir hikaye hikâye öykü masal şarkı fıkra kurgu hayal_et",
        "factual": "nerede nerededir neresi neresidir hangi hangisi kaç nedir ne_zaman başkenti kimdir",
        "long_answer": "ayrıntılı detaylı kapsamlı ayrıntılarıyla uzunca raporu ayrıntılı_olarak",
        "short_answer": "kısaca kısa özetle özet kısa_ve_öz tek_kelimeyle evet_veya_hayır",
        "constraint": """gerekir gerekiyor gerekli zorunda zorunlu yalnızca sadece tam_olarak olmadan hariç en_az
            en_fazla asla daima mutlaka değişmemeli olmamalı olmalı kullanma geçerli""",
        "go_on": "evet devam devam_et sürdür tamam olur peki",
        "small_talk": "merhaba selam teşekkürler teşekkür sağol günaydın hoşçakal iyi_günler",
    },
    "Arabic": {
        "reasoning": """لماذا أثبت اثبت برهن إثبات اثبات برهان استنتج اشتق اشرح اشرحي وضح فسر حلل تحليل قيم قيّم تقييم
            قارن قارنه قارنها مقارنة علل برر سبب صحح تصحيح شخص تشخيص افحص حسن تحسين استراتيجية خوارزمية نظرية
            فرضية استدلال تصميم صمم خطط معمارية هيكلة خطوة_بخطوة خطوة_خطوة الإيجابيات_والسلبيات المزايا_والعيوب""",
        "actions": """ابحث افتح حمل حمّل نزل نزّل ارفع ثبت ثبّت شغل شغّل نفذ نفّذ انشر أرسل ارسل احفظ أنشئ انشئ احذف
            انقل انسخ استعلم انقر احجز اضبط راقب حدث حدّث حول حوّل استخرج صدّر جدول""",
        "sequence": "ثم بعدها أولا أولًا أولاً اولا ثانيا ثانيًا ثالثا أخيرا أخيرًا اخيرا بعد_ذلك قبل_ذلك",
        "code": """كود شيفرة شفرة دالة برنامج برمجة برمج بايثون صنف خطأ_برمجي اختبارات اختبار_وحدة قاعدة_بيانات
            قاعدة_البيانات مستودع سكربت واجهة_برمجة مترجم""",
        "creative": "قصيدة شعر قصة أغنية رواية نكتة تخيل ابتكر خيالية",
        "factual": "من_هو من_هي متى أين اين كم عاصمة تعريف ما_هو ما_هي ماذا",
        "long_answer": "مفصل مفصلة مفصلا بالتفصيل تفصيلي شامل شاملة تقرير مطول مقال",
        "short_answer": "باختصار مختصر مختصرة موجز قصير قصيرة قصيرا قصيرًا لخص ملخص نعم_أم_لا بإيجاز",
        "constraint": """يجب ينبغي لابد فقط بالضبط بدون دون إلا باستثناء على_الأقل على_الاقل على_الأكثر أبدا أبدًا
            دائما دائمًا لا_تستخدم لا_يجب لا_تغير شرط شروط صالح""",
        "go_on": "نعم أجل استمر أكمل اكمل تابع واصل حسنا حسنًا تمام موافق",
        "small_talk": "مرحبا مرحبًا أهلا أهلًا السلام_عليكم شكرا شكرًا صباح_الخير مساء_الخير وداعا سلام",
    },
    "Hebrew": {
        "reasoning": """למה מדוע הוכח הוכיחי תוכיח הוכחה הסק גזור הסבר הסבירי תסביר נתח נתחי תנתח ניתוח הערך השווה
            השווי תשווה השוואה נמק אבחן חקור בדוק ייעל אסטרטגיה אלגוריתם משפט_מתמטי השערה ארכיטקטורה תכנן עצב שכתב
            צעד_אחר_צעד שלב_אחר_שלב יתרונות_וחסרונות""",
        "actions": """חפש חפשי תחפש פתח הורד תוריד התקן תתקין הרץ תריץ הפעל בצע פרוס שלח שלחי תשלח שמור צור מחק העבר
            העתק לחץ הזמן הגדר עדכן המר חלץ ייצא""",
        "sequence": "אחר_כך אחרי_זה לאחר_מכן ראשית קודם לבסוף בסוף ואז",
        "code": "קוד פונקציה פונקציית מחלקה תכנת תוכנית סקריפט פייתון בדיקות_יחידה בדיקת_יחידה מסד_נתונים מאגר",
        "creative": "שיר סיפור בדיחה חרוז דמיין המצא",
        "factual": "מי מתי איפה היכן איזה איזו כמה מה_זה מהו מהי בירת",
        "long_answer": "מפורט מפורטת בפירוט מקיף מקיפה דוח",
        "short_answer": "בקצרה קצר קצרה בקיצור תמצת סכם כן_או_לא",
        "constraint": "חייב חייבת חייבים צריך אסור רק בדיוק בלי ללא מלבד לפחות לכל_היותר לעולם_לא תמיד",
        "go_on": "כן המשך המשיכי תמשיך קדימה בסדר",
        "small_talk": "שלום היי תודה בוקר_טוב ערב_טוב להתראות",
    },
    "Persian": {
        "reasoning": """چرا ثابت_کن اثبات اثبات_کن استنتاج توضیح توضیح_بده توضیح_دهید تحلیل تحلیل_کن تحلیل_کنید
            بررسی_کن ارزیابی مقایسه مقایسه_کن توجیه عیب‌یابی اشکال‌زدایی بهینه بهینه_کن استراتژی الگوریتم قضیه
            فرضیه استدلال معماری طراحی طراحی_کن برنامه‌ریزی گام_به_گام قدم_به_قدم مرحله_به_مرحله مزایا_و_معایب""",
        "actions": """جستجو جستجو_کن پیدا_کن باز_کن دانلود آپلود نصب نصب_کن اجرا اجرا_کن بفرست ارسال ذخیره بساز
            ایجاد_کن حذف منتقل_کن کپی رزرو تنظیم_کن تبدیل استخراج""",
        "sequence": "سپس بعد بعدا ابتدا اول سرانجام در_نهایت پس_از_آن",
        "code": "کد کدنویسی تابع برنامه برنامه‌نویسی پایتون کلاس اسکریپت مخزن تست_واحد پایگاه_داده دیتابیس",
        "creative": "شعر داستان قصه ترانه لطیفه تصور_کن",
        "factual": "چه_کسی کی کجا کجاست کدام چند پایتخت چیست",
        "long_answer": "مفصل جامع دقیق گزارش با_جزئیات به_تفصیل",
        "short_answer": "کوتاه مختصر خلاصه به_اختصار بله_یا_خیر",
        "constraint": "باید نباید فقط تنها دقیقا دقیقاً بدون مگر حداقل حداکثر هرگز همیشه الزامی",
        "go_on": "بله آره ادامه ادامه_بده باشه حتما",
        "small_talk": "سلام ممنون مرسی متشکرم خداحافظ صبح_بخیر",
    },
    "Urdu": {
        "reasoning": """کیوں ثابت ثابت_کرو ثابت_کریں وضاحت سمجھاؤ سمجھائیں تجزیہ جائزہ موازنہ تحقیق بہتر_بناؤ
            حکمت_عملی الگورتھم نظریہ مفروضہ استدلال ڈیزائن منصوبہ قدم_بہ_قدم مرحلہ_وار فوائد_اور_نقصانات""",
        "actions": """تلاش کھولو کھولیں ڈاؤن_لوڈ انسٹال چلاؤ چلائیں بھیجو بھیجیں محفوظ بناؤ بنائیں حذف منتقل کاپی بک
            اپڈیٹ""",
        "sequence": "پھر پہلے آخر_میں بعد_میں اس_کے_بعد",
        "code": "کوڈ فنکشن پروگرام پائتھن کلاس اسکرپٹ یونٹ_ٹیسٹ ڈیٹابیس",
        "creative": "نظم کہانی گانا لطیفہ شاعری",
        "factual": "کون کب کہاں کونسا کتنے کتنا دارالحکومت کیا_ہے",
        "long_answer": "تفصیلی تفصیل مفصل جامع رپورٹ",
        "short_answer": "مختصر مختصراً خلاصہ ہاں_یا_نہیں",
        "constraint": "لازمی ضروری صرف بغیر بالکل سوائے کم_از_کم زیادہ_سے_زیادہ کبھی_نہیں ہمیشہ نہیں_ہونا ہونا_چاہیے",
        "go_on": "ہاں جی جاری جاری_رکھو ٹھیک_ہے آگے_بڑھو",
        "small_talk": "سلام شکریہ ہیلو خدا_حافظ",
    },
    "Hindi": {
        "reasoning": """क्यों साबित सिद्ध प्रमाणित प्रमाण निष्कर्ष समझाओ समझाइए समझाएं समझाएँ समझाना व्याख्या स्पष्ट
            विश्लेषण मूल्यांकन तुलना जाँच जांच डिबग निदान अनुकूलित ऑप्टिमाइज़ रणनीति एल्गोरिदम एल्गोरिथम प्रमेय
            परिकल्पना तर्क आर्किटेक्चर डिज़ाइन डिजाइन रिफैक्टर योजना चरण_दर_चरण कदम_दर_कदम फायदे_और_नुकसान
            मूल_कारण""",
        "actions": """खोजो खोजें खोजिए ढूंढो ढूँढो ढूंढें खोलो खोलें डाउनलोड अपलोड इंस्टॉल चलाओ चलाएं चलाएँ भेजो भेजें
            भेजिए सहेजें सेव बनाओ बनाएं बनाएँ हटाओ हटाएं कॉपी क्लिक बुक अपडेट बदलें निकालो निकालें""",
        "sequence": "फिर पहले अंत_में बाद_में इसके_बाद उसके_बाद आखिर_में",
        "code": """कोड फ़ंक्शन फंक्शन प्रोग्राम प्रोग्रामिंग पायथन पाइथन क्लास स्क्रिप्ट बग त्रुटि यूनिट_टेस्ट डेटाबेस
            रिपॉजिटरी कंपाइल""",
        "creative": "कविता कहानी गीत गाना चुटकुला कल्पना उपन्यास",
        "factual": "कौन कब कहाँ कहां कौनसा कितने कितना कितनी राजधानी परिभाषा क्या_है",
        "long_answer": "विस्तृत विस्तार विस्तारपूर्वक व्यापक रिपोर्ट निबंध लेख",
        "short_answer": "संक्षेप संक्षिप्त छोटा छोटी सारांश हाँ_या_नहीं एक_शब्द",
        "constraint": """चाहिए ज़रूरी जरूरी अनिवार्य केवल सिर्फ सिर्फ़ बिना ठीक_उतना सिवाय कम_से_कम अधिकतम न्यूनतम
            ज़्यादा_से_ज़्यादा कभी_नहीं हमेशा नहीं_होना मत शर्त शर्तें""",
        "go_on": "हाँ हां जी जारी जारी_रखो जारी_रखें ठीक_है आगे_बढ़ो करो_आगे",
        "small_talk": "नमस्ते नमस्कार धन्यवाद शुक्रिया हैलो अलविदा शुभ_प्रभात",
    },
    "Bengali": {
        "reasoning": """কেন প্রমাণ অনুমান ব্যাখ্যা বোঝাও বোঝান বিশ্লেষণ মূল্যায়ন তুলনা যুক্তি ডিবাগ তদন্ত অপ্টিমাইজ
            কৌশল অ্যালগরিদম উপপাদ্য আর্কিটেকচার ডিজাইন পরিকল্পনা ধাপে_ধাপে সুবিধা_ও_অসুবিধা মূল_কারণ""",
        "actions": """খুঁজো খোঁজো খুঁজুন খোলো খুলুন ডাউনলোড আপলোড ইনস্টল চালাও চালান পাঠাও পাঠান সংরক্ষণ তৈরি মুছো
            মুছুন কপি বুক আপডেট""",
        "sequence": "তারপর এরপর প্রথমে শেষে অবশেষে পরে",
        "code": "কোড ফাংশন ফাংশনটি প্রোগ্রাম পাইথন ক্লাস স্ক্রিপ্ট ত্রুটি ইউনিট_টেস্ট ডাটাবেস ডেটাবেস",
        "creative": "কবিতা গল্প গান কৌতুক উপন্যাস কল্পনা",
        "factual": "কে কখন কোথায় কোন কত রাজধানী কী_হলো",
        "long_answer": "বিস্তারিত বিশদ প্রতিবেদন রিপোর্ট রচনা",
        "short_answer": "সংক্ষেপে সংক্ষিপ্ত ছোট সারাংশ হ্যাঁ_বা_না",
        "constraint": """অবশ্যই আবশ্যক শুধু শুধুমাত্র কেবল ছাড়া ঠিক অন্তত কমপক্ষে সর্বোচ্চ সর্বাধিক কখনো সবসময়
            যাবে_না""",
        "go_on": "হ্যাঁ চালিয়ে_যাও চালিয়ে_যান এগিয়ে ঠিক_আছে",
        "small_talk": "হ্যালো নমস্কার ধন্যবাদ সালাম বিদায়",
    },
    "Indonesian": {
        "reasoning": """mengapa kenapa buktikan simpulkan jelaskan analisis analisa evaluasi nilailah bandingkan
            bandingkanlah selidiki optimalkan strategi algoritma teorema hipotesis penalaran arsitektur rancang
            rancanglah rencanakan langkah_demi_langkah kelebihan_dan_kekurangan akar_masalah""",
        "actions": """carilah cari buka unduh unggah pasang jalankan eksekusi kirim kirimkan simpan buat buatkan hapus
            pindahkan salin klik pesan_tiket konfigurasi perbarui ubah ekstrak""",
        "sequence": "lalu kemudian setelah_itu pertama terakhir akhirnya selanjutnya",
        "code": "kode fungsi pemrograman kelas skrip basis_data pengujian_unit uji_unit",
        "creative": "puisi cerita cerpen lagu lelucon bayangkan",
        "factual": "siapa kapan dimana di_mana berapa ibu_kota ibukota apa_itu",
        "long_answer": "terperinci rinci mendetail lengkap laporan panjang_lebar",
        "short_answer": "singkat ringkas ringkaslah rangkum singkatnya ya_atau_tidak",
        "constraint": """harus wajib hanya tanpa tepat kecuali setidaknya minimal_dua maksimal paling_banyak jangan
            selalu tidak_boleh""",
        "go_on": "lanjut lanjutkan teruskan baik oke silakan ya_lanjutkan",
        "small_talk": "terima_kasih makasih selamat_pagi selamat_siang selamat_malam sampai_jumpa hai",
    },
    "Vietnamese": {
        "reasoning": """tại_sao vì_sao chứng_minh suy_luận suy_ra giải_thích phân_tích đánh_giá so_sánh gỡ_lỗi
            chẩn_đoán điều_tra tối_ưu chiến_lược thuật_toán định_lý giả_thuyết lập_luận kiến_trúc thiết_kế
            tái_cấu_trúc lập_kế_hoạch từng_bước ưu_và_nhược_điểm nguyên_nhân kiểm_chứng""",
        "actions": """tìm_kiếm tìm mở tải_xuống tải_về tải_lên cài_đặt chạy thực_thi gửi lưu tạo xóa xoá di_chuyển
            sao_chép truy_vấn đặt_vé cấu_hình cập_nhật chuyển_đổi""",
        "sequence": "sau_đó tiếp_theo đầu_tiên trước_tiên cuối_cùng rồi",
        "code": "mã hàm mã_nguồn lập_trình lớp kịch_bản kiểm_thử cơ_sở_dữ_liệu kho_mã",
        "creative": "bài_thơ thơ truyện câu_chuyện bài_hát tưởng_tượng",
        "factual": "khi_nào ở_đâu bao_nhiêu thủ_đô là_gì là_ai",
        "long_answer": "chi_tiết đầy_đủ toàn_diện báo_cáo",
        "short_answer": "ngắn ngắn_gọn tóm_tắt vắn_tắt có_hay_không",
        "constraint": """phải chỉ chính_xác ngoại_trừ ít_nhất tối_thiểu nhiều_nhất tối_đa không_bao_giờ luôn
            không_được đừng""",
        "go_on": "vâng tiếp_tục tiếp_đi đồng_ý",
        "small_talk": "xin_chào chào cảm_ơn cám_ơn tạm_biệt",
    },
    "Thai": {
        "reasoning": """ทำไม เพราะเหตุใด พิสูจน์ อนุมาน อธิบาย วิเคราะห์ ประเมิน เปรียบเทียบ ให้เหตุผล ดีบัก วินิจฉัย
            ตรวจสอบ ปรับให้เหมาะสม กลยุทธ์ อัลกอริทึม ทฤษฎีบท สมมติฐาน สถาปัตยกรรม ออกแบบ วางแผน ทีละขั้นตอน
            ข้อดีข้อเสีย สาเหตุ""",
        "actions": """ค้นหา เปิด ดาวน์โหลด อัปโหลด ติดตั้ง รันโค้ด เรียกใช้ ส่งอีเมล บันทึก สร้าง ลบ ย้าย คัดลอก จอง
            ตั้งค่า อัปเดต""",
        "sequence": "จากนั้น แล้วจึง ก่อนอื่น สุดท้าย ถัดไป หลังจากนั้น",
        "code": "โค้ด ฟังก์ชัน โปรแกรม สคริปต์ คลาส ฐานข้อมูล ยูนิตเทสต์",
        "creative": "บทกวี กลอน นิทาน เรื่องสั้น เพลง มุกตลก จินตนาการ",
        "factual": "ใคร เมื่อไหร่ เมื่อไร ที่ไหน เท่าไหร่ กี่ เมืองหลวง คืออะไร",
        "long_answer": "ละเอียด ครบถ้วน ครอบคลุม รายงาน",
        "short_answer": "สั้นๆ สั้น ๆ โดยย่อ สรุป ใช่หรือไม่",
        "constraint": "ต้อง เท่านั้น โดยไม่ ยกเว้น อย่างน้อย ไม่เกิน อย่างมาก ห้าม เสมอ",
        "go_on": "ใช่ ทำต่อ ต่อไป ดำเนินการต่อ ตกลง โอเค",
        "small_talk": "สวัสดี ขอบคุณ ลาก่อน หวัดดี",
    },
    "Chinese, Japanese and Korean": {
        "reasoning": """推导 推理 评估 論証 為什麼 為何 證明 比較 解釋 优化 調試 调试 诊断 设计 設計 重构 策略 算法
            架构 逐步 权衡 評価 最適化 推論 診断 アルゴリズム 段階的 原因 평가 추론 최적화 설계 디버깅 진단
            알고리즘 단계별 원인""",
        "actions": """部署 打开 发送 删除 創建 创建 保存 複製 更新 執行 下載 搜尋 開いて 削除 作成 다운로드 전송 삭제
            저장 생성 배포""",
        "sequence": "首先 之后 隨後 最後 続いて まずは 마지막으로 다음으로",
        "code": """程式 程序 脚本 单元测试 數據庫 数据库 編譯 スクリプト 単体テスト データベース クラス 스크립트
            단위_테스트 데이터베이스 클래스""",
        "creative": "小说 歌词 笑话 俳句 小説 歌詞 소설 노래",
        "factual": "首都 多少 何时 何人 いくつ 何年 수도 몇",
        "long_answer": "全面 报告 報告 詳細 レポート 상세 보고서",
        "short_answer": "简要 一句话 简洁 総括 短い 手短に 要約 짧은 짧게 요약",
        "constraint": """只能 最多 至多 确保 不能 不得 除非 以内 以上 てはいけません なければ 最低 최소 최대 하지_마
            안_돼 이내""",
        "go_on": "继续吧 続き 進めて 계속해 진행",
        "small_talk": "您好 多谢 再见 おはよう こんばんは 안녕하세요 고마워",
    },
}
