"""What makes a complaint likelier or less so in German, in log-odds: a hint in each word, and a sum over all of them.

Law: general German of dissatisfaction and of its contrary; weights were chosen by hand and mended on public tweets
(docs/replies.md names them), never on the replies by which they are judged.
"""

LEANINGS = {
    0.8: "<service> | nicht | nich | warum | wieso | weshalb | leider | schade",
    0.7: """
        bis heute | angeblich | abgewürgt | aufgelegt | fehlt | fehlen | fehlte | kein | keine | keinen
        keiner | keinem | nichts | nie | niemand | niemals | scheiß* | mist | blöd*
    """,
    0.6: """
        schlimm* | schlecht* | mies* | nervig* | nervt | ärger* | traurig | wütend | sauer | genervt | frech*
        peinlich | lächerlich | unfassbar | unglaublich | furchtbar | schrecklich | grauenhaft | grässlich
        ekelhaft | widerlich | eklig* | dumm* | doof | lüge* | gelogen | verarsch* | katastroph* | chaos
        unfreundlich | unzuverlässig | enttäusch* | kaputt | defekt* | undicht | ranzig* | verdorben | schimm*
        verschimmelt | abgelaufen | umsonst | vergeblich | schuld | hass* | weder | kaum | gar nicht
        gar nichts | kein bisschen | platz* | geplatzt | überschwemmt | pfütze | unter wasser
    """,
    0.5: """
        ohne | fehlt | fehlte | fehlen | fehler* | falsch* | klemmt | klemmen | stockt | hakt | quietsch*
        brumm* | rattert | rasselt | knackt | dröhnt | tropf* | rinnt | läuft aus | ausgelaufen | verstopf*
        überläuft | aufgerissen | zerrissen | gerissen | gesprungen | zerbrochen | zersprungen | verbogen
        abgebrochen | beschädig* | kalt | lauwarm | wässrig | bitter | stinkt | gestank | zu laut | zu teuer
        teurer | überteuert | verlangt | weiger* | abgelehnt | ignorier* | vertröst* | hinterher | wimmel*
        rausgeworfen | abgestürzt | stürzt | hängt | abgeschaltet | schaltet sich | unmöglich | ewig* | dauernd
        ständig | andauernd | jedes mal | immer noch | noch immer | schon wieder | wieder nicht | endlich mal
    """,
    0.4: """
        seit | erst | nein | gar | echt | einfach | bloß | wochenlang | tagelang | monatelang | stundenlang
        problem* | reklam* | beanstand* | mangel* | mängel* | ersatz* | erstatt* | rückerstatt* | storn*
        gekündigt | mahn* | abgebucht | berechnet | verspät* | zu spät | verloren | verschwunden | gewartet
        warte | warten | versprochen | zugesagt | angeblich | eigentlich | trotz | trotzdem | obwohl | statt
        anstatt | nur noch | könnte ja | würde | hätte | erschienen | erwartet | erwarten | müsst* | gezahlt
        bezahlt | geht's noch | was soll
    """,
    0.3: """
        noch | wieder | schon | doch | sonst | eben | weg | mal wieder | zweimal | dreimal | viermal | mehrmals
        mehrfach | tagen | wochen | monaten | stunden | gestern | seitdem | obwohl | aber | sondern | geld
        preis | hotline | kundendienst | kundenservice | techniker | reparatur | lieferung | paket | antwort
        bescheid | zum zweiten mal | zum dritten mal
    """,
    0.1: """
        man | mich | mir | ich | wir | ist | kann | können | wenn | da | alles | was | sie | ihr | ihre | mein
        meine | so
    """,
    -0.3: """
        hallo | gern | gerne | würde gern | möchte | überlege | weihnachten | schön* | nett* | freundlich* | mit
        gibt es | gibt's | gibts | haben sie | kann man | passt | ab wann | bis wann | wie oft | wie lange
        wie viel | wie hart | welche* | wo finde | ob | tipp | tipps
    """,
    -0.4: """
        gute | guter | gutes | gut | freue | freut | glück | lecker | heute abend | morgen | geduldig | grüße
    """,
    -0.5: """
        könnt ihr | könntet ihr | könnten sie | können sie | kann ich | darf ich | nochmal schicken | danke
        dank | vielen dank | lieb* | interessant | empfehl* | spaß | lustig | haha* | :d | ;)
    """,
    -0.6: """
        super | toll* | prima | klasse | großartig | wunderbar | perfekt | genial | spitze | begeistert
        zufrieden | hilfreich | bestens | hervorragend | ausgezeichnet | kein problem | keine sorge
        nicht schlecht | läuft wieder | geht wieder | geklappt | funktioniert wieder | funktioniert wirklich
        weiter so
    """,
    -0.7: "<link>",
}
