"""Spanish cues."""

from ...records import Category, Urgency

CUES = {
    Category.COMPLAINT: {
        3: """
            vergüenza | inaceptable | inadmisible | indignante | queja | quejarme | me quejo | decepcion*
            harto | harta | enfadad* | estafa | nunca más | devuélvanme | devolución | reembolso
            cobrado … dos veces | nadie me contesta | nadie contesta | nadie responde | sin respuesta | pésimo
            fatal | gracias por nada
        """,
        2: """
            no funciona | no funcionan | no va | dejó de funcionar | se ha roto | roto | rota | rotos | averiad*
            defectuos* | dañad* | gotea | pierde agua | todavía no | aún no | no ha llegado | no he recibido
            llegó tarde | otra vez | tercera vez | se cuelga | error | mal* | desde hace semanas
            desde hace meses | abogado | demasiado caro
        """,
        1: """
            lamentablemente | desgraciadamente | problema* | pero | retraso | tarde | ruido | siempre | sigue
        """,
        -2: "ningún problema | sin problema | ya funciona | resuelto | solucionado",
    },
    Category.QUESTION: {
        3: """
            me gustaría saber | quisiera saber | tengo una pregunta | una pregunta | podrían decirme | es
            posible
        """,
        2: """
            con qué frecuencia | cómo | cuándo | dónde | cuánto | cuál | qué | por qué | puedo | se puede
            hay que | debo | podrían | pueden | envían | tienen
        """,
        1: "¿ | ?",
    },
    Category.THANKS: {
        3: """
            muchas gracias | mil gracias | muchísimas gracias | me ha servido | enhorabuena
            gracias por la ayuda
        """,
        2: """
            gracias | genial | estupendo | perfecto | excelente | fantástico | útil* | me encanta | contento | 👍
            :-) | :)
        """,
        1: "bien | bueno | buen",
    },
    Category.UNSUBSCRIBE: {
        3: """
            de baja | darme de baja | denme de baja | dar de baja | no quiero recibir | no deseo recibir
            dejen de enviar | no me envíen | borren mi dirección | quítenme de la lista
            cancelar la suscripción al boletín | no quiero más correos | no quiero más mensajes | no me envíe más
            no me manden | dejen de mandarme
        """,
        1: "lista | publicidad | spam",
    },
    Category.CHANGE_OF_DATA: {
        3: """
            nueva dirección | me he mudado | nos hemos mudado | cambio de dirección | nuevo número
            nuevo correo
        """,
        1: "a partir de ahora | actualicen",
    },
}

URGENT = {
    (Urgency.HIGH, "harm"): """
        humo | fuego | incendio | chispas | quemad* | quemó | herid* | hospital | urgencias | peligros*
        descarga eléctrica | explotó
    """,
    (Urgency.HIGH, "data breach"): "fuga de datos | datos de otra persona | datos de otros | hackead* | aepd",
    (Urgency.HIGH, "legal"): "abogad* | tribunal | demandar | denuncia | acciones legales | consumo",
    (Urgency.HIGH, "money"): "cobrado … dos veces | cobraron dos veces | fraude | cargo no autorizado | sin mi permiso",
    (Urgency.RAISED, "accessibility"): "cieg* | lector de pantalla | discapacidad | accesib* | sord*",
    (Urgency.RAISED, "cancellation"): "cancelar mi suscripción | cancelar el contrato | cancelen mi | rescindir",
}

DENIALS = "no estoy | no está | no estamos | no es | no son | no me parece | nunca | nada"
DEGREES = "muy | nada | tan | del todo | un | una"
