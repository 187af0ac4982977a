"""What makes a complaint likelier or less so in Spanish, in log-odds: a hint in each word, and a sum over all of them.

Law: general Spanish of dissatisfaction and of its contrary; weights were chosen by hand and mended on public tweets
(docs/replies.md names them), never on the replies by which they are judged.
"""

LEANINGS = {
    0.8: """
        <service> | gracias por nada | gracias a nada | por qué no | lamentable* | desgraciadamente | lástima
    """,
    0.7: """
        atascad* | colgó | colgaron | añicos | pedazos | pagar otra vez | falta | faltan | no | nunca | jamás
        nadie | nada | ningún | ninguna | ni | peor | tampoco | sin
    """,
    0.6: """
        mal | malo | mala | malos | malas | malísim* | fatal | horrible | pésim* | terrible | asco | asqueros*
        triste | vergüenza | vergonzos* | ridícul* | increíble | indignante | inaceptable | intolerable
        insoportable | mierda | puta | joder | coño | imbécil* | idiota* | estafa* | engañ* | mentira* | mentir*
        timo | robo | roban | incompeten* | desastre | caos | hart* | enfad* | cabread* | decepci* | rot*
        averiad* | estropead* | defectuos* | dañad* | caducad* | rancio | fuga | gotea* | inundad* | imposible
        inútil* | tomadura
    """,
    0.5: """
        ya no | aún no | todavía no | no me | no puedo | no funciona | no consigo | no hay | falta | faltaba
        faltan | error* | equivocad* | fallo* | falla* | atascad* | bloquead* | se apaga | se sale | se cae
        ruido | frío | aguado | quemad* | tarde | retras* | demasiado | en vez de | en lugar de | otra vez
        de nuevo no | cada dos por tres | sigo sin | sigue sin | seguimos sin | sin llegar | sin respuesta
        por todas partes | me han cobrado | cobrad* | cobran | cobro | echa | molest* | queja* | reclam*
    """,
    0.4: """
        desde hace | esperando | espero | esperaba | llevo | llevamos | llamando | problema* | avería | devol*
        devuelv* | reembols* | cancel* | perd* | desaparec* | dos veces | tres veces | veces | sinceramente
        pero | aunque | solo | ahora | poco | porque | tan | tanto | prometi* | contest* | respond* | semanas
        meses | días llamando
    """,
    0.3: """
        ya | hace | siempre | sigue | dinero | precio | factura | pedido | paquete | envío | técnico | días
        era | deja
    """,
    0.1: "me | se | que | estoy | están | su | sus | vuestr* | atención al cliente | servicio",
    -0.3: """
        hola | buenos | navidad | bonit* | simpátic* | tu | podrían | pueden | puedo | se puede | cuánto | cuál
        hasta cuándo | tienen | sirve | abren | dudando | consejo | truco | ¡ | buen | bueno
    """,
    -0.4: "mejor | amable | paciente | alegr* | content* | gusto | rapidez | mucho",
    -0.5: "gracias | abrazo | felic* | interesante | recomiend* | jaja* | jeje* | :d | ;)",
    -0.6: """
        genial | estupend* | perfect* | excelente | fantástic* | maravill* | encanta* | enhorabuena | fenomenal
        buena | sin problema | ningún problema | ya funciona | funciona de verdad | gracias por | me alegro
        seguid así
    """,
    -0.7: "<link>",
}
