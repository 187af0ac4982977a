"""German cues."""

from ...records import Category, Urgency

CUES = {
    Category.COMPLAINT: {
        3: """
            beschwer* | frechheit | unverschämt* | zumutung | unmöglich | katastroph* | inakzeptabel
            enttäusch* | verärgert | ärgerlich | ärgert mich | sauer | genug davon | reicht mir | ein witz
            abzocke | betrug | nie wieder | scheußlich | darf … nicht sein | geld zurück | rückzahlung
            zweimal … abgebucht | doppelt abgebucht | keine antwort | nie eine antwort | niemand antwortet
            niemand meldet sich | niemand … ans telefon | lasse ich mir nicht | schlimmste | unter aller sau
            mangelhaft | nicht gekommen | einfach nicht | kein internet | keinen empfang | kein strom
            auch noch zahlen | tagelang | wochenlang | warum wurde | warum wird | warum ist … teurer | ein loch
            schäbig | danke für nichts | danke für gar nichts | dank für gar nichts | dank für nichts
            stinksauer | geht gar nichts | geht nichts mehr | so geht man nicht | gewischt bekommen
            nicht erschienen | nie erschienen | hinterher | kommt denn endlich | erwarte mehr | mehr erwartet
            fehlte | setze ihnen eine frist | eine frist | unter wasser | wasser unter | pfütze | geplatzt
            wieder nicht
        """,
        2: """
            abgewürgt | aufgelegt | abgegangen | scherben | zerkratzt | verkratzt | verbeult | verbogen
            bis heute nicht
            fehlt bis heute | fehlt immer noch | bis heute nichts | blinkt rot | passiert nichts | passiert gar nichts
            unleserlich | unverständlich | verschmutzt | abgebrochen | abgefallen | hier ist … nichts
            funktioniert nicht | funktionieren nicht | geht nicht | geht immer noch nicht | klappt nicht
            lädt nicht | verbindet sich nicht | heizt nicht | startet nicht | reagiert nicht | passt nicht
            passt … nicht | schließt nicht | lässt sich … nicht | lässt sich kaum | zieht kein | kommt kein
            kommt nur noch | kein wasser | kein kaffee | schaltet sich … ab | schaltet … einfach ab | klemmt
            ranzig | aufgerissen | tut sich nichts | kaputt | defekt | beschädigt | zerbrochen | undicht
            tropft | läuft aus | schon wieder | zum dritten mal | zum zweiten mal | erneut | noch immer
            immer noch | seit wochen | seit drei wochen | seit monaten | nicht angekommen | nie angekommen
            nicht erhalten | nicht geliefert | warte | warten | reklam* | falsch | fehler* | mahnung | zu teuer
            schlecht* | miserabel | stürzt ab | abgestürzt | anwalt | keine lust mehr | alles versucht | erwarte
            kündige
        """,
        1: """
            leider | problem* | trotzdem | obwohl | aber | verspät* | ohne vorwarnung | ohne ankündigung
            niemand | laut | lärm | gestank | stinkt | seit dem update | seit dem letzten update
            nach dem update | nach … monaten | jedes mal | ständig | dauernd | nicht mehr
        """,
        -2: """
            kein problem | keine beschwerde | hat geklappt | funktioniert wieder | geht wieder | alles gut
            nur neugierig | kann mich nicht beschweren | problem gelöst | gelöst
        """,
    },
    Category.QUESTION: {
        3: """
            könnten sie mir sagen | können sie mir sagen | ich habe eine frage | eine frage | ich wüsste gern
            ich möchte gern wissen | würde gern wissen | wissen sie | ist es möglich | rufen sie mich
            ruft mich | rückruf | zurückrufen | mich anrufen | bitte um einen anruf
        """,
        2: """
            wie oft | wie lange | wie viel | wie kann ich | wie muss | wie ist | wie wird | wo kann | wo finde
            wo ist | wo stelle | wann | was kostet | was bedeutet | was ist | welche* | darf ich | darf der
            darf die | darf das | kann ich | kann man | soll ich | muss ich | gibt es | liefern sie | haben sie
            können sie | könnten sie | könnt ihr | könntet ihr | habt ihr | liefert ihr | passt … auch | gibt's
            gibts | bis wann | ab wann | schickt ihr | schicken sie mir bitte | ist in | nehmen sie | überlege
            gilt das | gilt der | warum
        """,
        1: "? | wie | wo | was | ob | bitte um auskunft",
    },
    Category.THANKS: {
        3: """
            vielen dank für die schnelle | danke für die schnelle | gold wert | hat geklappt
            vielen herzlichen dank | herzlichen dank | tausend dank | weiter so | danke für den tipp
            danke für die hilfe | klasse beitrag | schöner beitrag | merci | bin begeistert | läuft wieder
            hat sich erledigt | alles dicht | besten dank
            nett von ihnen | gern lese | richten sie | wunderbar geklappt | alles gut gelaufen
        """,
        2: """
            danke | dankeschön | vielen dank | dank ihnen | super | toll* | großartig | prima | klasse
            wunderbar | perfekt | hilfreich | freut mich | begeistert | zufrieden | 👍 | 🙏 | :-) | :) | geholfen
            lob
        """,
        1: "gut | schön | freue mich | gern gelesen",
        -2: "danke für nichts | danke für gar nichts | dank für nichts | dank für gar nichts",
    },
    Category.UNSUBSCRIBE: {
        3: """
            abmelden | abmeldung | melden sie mich ab | abbestellen | bestelle … ab | aus dem verteiler
            aus ihrem verteiler | aus der liste | aus ihrer liste | keine werbung | keinen newsletter
            keine newsletter | keine e-mails mehr | keine mails mehr | nicht mehr anschreiben | austragen
            aus ihrem newsletter | löschen sie mich | nehmen sie mich | streichen sie mich | bestelle ich … ab
            melde mich ab | mich … abmelden | keine post mehr | keine werbung mehr | löschen sie meine adresse
            newsletter kündigen | keine weiteren mails | keine weiteren e-mails | kein interesse mehr
            keine weiteren newsletter | keinen weiteren newsletter | keine weiteren zusendungen
            keine zusendungen | keine … zusendungen | diese mails nicht | diese e-mails nicht
            diesen newsletter nicht | euren newsletter nicht | ihren newsletter nicht
            hören sie auf … zu schreiben | hört auf … zu schreiben | schicken sie mir nichts
            schickt mir nichts | senden sie mir nichts | schicken sie mir keine … mails
            schicken sie mir keine … e-mails | schicken sie mir keine … werbung | schicken sie mir keine … newsletter
            schickt mir keine … mails | schickt mir keine … werbung | senden sie mir keine … mails
            senden sie mir keine … e-mails | senden sie mir keine … werbung | mit ihrer werbung in ruhe
            mit eurer werbung in ruhe | bitte nicht mehr schreiben | newsletter bitte kündigen | tipps nicht mehr
            nehmt mich | streicht mich | löscht mich | von der liste | von ihrer liste
            von eurer liste | aus eurem verteiler | aus der datei | aus eurer liste | nicht mehr von ihnen hören
            lasst mich in ruhe | lassen sie mich in ruhe | bitte abmelden | keine weiteren nachrichten
            keine newsletter mehr | keine … mails mehr | newsletter nicht mehr | mails nicht mehr
            nicht mehr … newsletter | nicht mehr … mails
            mich vom newsletter ab | mich von ihrem newsletter ab | mich von eurem newsletter ab
            mich von diesem newsletter ab | mich bitte vom newsletter ab | mich bitte von ihrem newsletter ab
            mich bitte von eurem newsletter ab | mich bitte von diesem newsletter ab | mich vom verteiler ab
            melden sie mich bitte ab | meldet mich bitte ab | meldet mich ab | melde mich bitte ab
            tragen sie mich aus | tragen sie mich bitte aus | tragt mich aus | tragt mich bitte aus
        """,
        -3: """
            bestellung abbestellen | abo abbestellen | lieferung abbestellen | bekomme keine mails
            bekomme keine … mails
            erhalte keine mails | erhalte keine … mails | bekomme keinen newsletter | bekomme keine newsletter
            bitte nicht abmelden | möchte mich nicht abmelden | will mich nicht abmelden | nicht abbestellen
        """,
        1: "verteiler | newsletter | spam",
    },
    Category.CHANGE_OF_DATA: {
        3: """
            umgezogen | umzug | neue anschrift | neue adresse | adresse hat sich geändert | adressänderung
            neue e-mail-adresse | neue mailadresse | neue telefonnummer | neue nummer | geheiratet | heiße jetzt
            löschen sie meine daten | löschen sie alle meine daten | meine daten löschen
            meine daten zu löschen | wir wohnen | wohnen jetzt | wohne jetzt | heiße jetzt | nachname hat sich
            künftig auf | an diese adresse | ab januar an | neue bankverbindung | ändern sie bitte meine
            bitte ändern sie meine | neuer name
        """,
        1: "ab sofort | bitte korrigieren | bitte ändern",
    },
}

URGENT = {
    (Urgency.HIGH, "harm"): """
        rauch | qualm* | brannte | in brand | feuer | funken | verschmort | stromschlag | verbrannt | verbrüht
        verbrannt* | gewischt bekommen | stromstoß | stromschläge | verletz* | krankenhaus | notaufnahme
        lebensgefähr* | explodiert | gefährlich
    """,
    (Urgency.HIGH, "data breach"): """
        datenleck | datenpanne | daten anderer | einer fremden person | fremder kunden | anderer kunden
        fremde daten | fremden daten | daten eines anderen | gehackt | datenschutzbeauftragte*
        datenschutzbehörde | dsgvo-beschwerde
    """,
    (Urgency.HIGH, "legal"): """
        anwalt | anwältin | rechtsanwalt | klage | verklag* | gericht | rechtliche schritte
        verbraucherzentrale | verbraucherschutz
    """,
    (Urgency.HIGH, "money"): """
        zweimal … abgebucht | doppelt … abgebucht | doppelt eingezogen | zweimal eingezogen | doppelt … belastet
        unberechtigt … abgebucht | ohne erlaubnis abgebucht | betrug | nicht autorisiert*
    """,
    (Urgency.RAISED, "erasure"): """
        meine daten löschen | meine daten zu löschen | löschen sie … meine daten | löscht … meine daten
        löschen … meine daten
        löschen sie meine … daten | löschen sie alle … daten
        löschung meiner … daten | löschung all meiner … daten | deren löschung | widerspreche der verarbeitung
        widerspreche der nutzung meiner
    """,
    (Urgency.RAISED, "personal data"): """
        dsgvo | datenschutz-grundverordnung | datenschutzgrundverordnung | datenauskunft | selbstauskunft
        auskunft nach art | auskunft gemäß art | auskunft über … daten | welche daten … gespeichert
        daten … über mich | gespeicherten daten | verarbeitung meiner … daten
    """,
    (Urgency.RAISED, "accessibility"): """
        blind | screenreader | bildschirmleser | barrierefrei* | sehbehindert | behinderung | rollstuhl
        gehörlos
    """,
    (Urgency.RAISED, "cancellation"): """
        kündige | kündigung | kündigen | vertrag beenden | widerruf | storniere*
    """,
}

DENIALS = "nicht | kein | keine | keinen | nie | niemals | wenig"
DEGREES = "sehr | ganz | besonders | so | wirklich | mehr | gerade | ein | eine"
