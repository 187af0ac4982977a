"""Spanish cues."""

from ...records import Category, Urgency

CUES = {
    Category.COMPLAINT: {
        3: """
            vergüenza | inaceptable | inadmisible | indignante | queja | quejarme | me quejo | decepcion*
            harto | harta | enfadad* | estafa | nunca más | devuélvanme | devolución | reembolso
            cobrado … dos veces | nadie me contesta | nadie contesta | nadie responde | sin respuesta | pésimo
            fatal | gracias por nada | tomadura de pelo | quiero que me devuelvan | devuelvan el dinero
            insoportable | nunca vino | nadie me devuelve | esperaba más | esperaba algo mejor
            agua por todas partes | caducad*
        """,
        2: """
            atascado | atascada | se queda atascad* | me colgó | me colgaron | añicos | en pedazos | hecho pedazos
            no responde | no reacciona | pagar otra vez | pagar dos veces | rayado | rayada | doblado
            agrietad* | manchad*
            ilegible | incomprensible | borroso | se ha caído | se cayó | se rompió | se ha estropeado | no ha venido
            no funciona | no funcionan | no enciende | no se enciende | no calienta | no arranca | no cierra
            no abre | no se conecta | no carga | no sale | se apaga | se sale | se atasca | me echa | en vez de
            en lugar de | faltaba | faltan | sin llegar | equivocado | equivocada | aguado | no consigo
            ruido horrible | hace un ruido | no va | dejó de funcionar | se ha roto | roto | rota | rotos
            averiad* | defectuos* | dañad* | gotea | pierde agua | todavía no | aún no | no ha llegado
            no he recibido | llegó tarde | otra vez | tercera vez | se cuelga | error | desde hace semanas
            desde hace meses | abogado | demasiado caro
        """,
        1: """
            lamentablemente | desgraciadamente | problema* | retraso | ruido
        """,
        -2: "ningún problema | sin problema | ya funciona | resuelto | solucionado",
    },
    Category.QUESTION: {
        3: """
            me gustaría saber | quisiera saber | tengo una pregunta | una pregunta | podrían decirme | es
            posible | llámeme | llámenme | llamadme | me pueden llamar | pueden llamarme | devuélvame la llamada
        """,
        2: """
            con qué frecuencia | cómo | cuándo | dónde | cuánto | cuánta | cuál | qué es | qué significa | ¿ qué
            por qué | enviáis | hacéis envíos | podéis | tenéis | abren | abrís | sirve | hasta cuándo
            me podéis | recogen | dudando | puedo | se puede | hay que | debo | podrían | pueden | envían
            tienen
        """,
        1: "¿ | ?",
    },
    Category.THANKS: {
        3: """
            qué delicia | qué rico | qué bien me | muy buen artículo | buen artículo | lo guardo
            muchas gracias | mil gracias | muchísimas gracias | me ha servido | ya funciona todo
            funciona de verdad | seguid así | fenomenal | me lo solucionaron | las gracias de mi parte
            con gusto | gracias por la ayuda
        """,
        2: """
            gracias | genial | estupendo | perfecto | excelente | fantástico | útil* | me encanta | contento | 👍
            :-) | :)
        """,
        1: "bien | bueno | buen",
        -2: "gracias por nada",
    },
    Category.UNSUBSCRIBE: {
        3: """
            de baja | darme de baja | denme de baja | dar de baja | no quiero recibir | no deseo recibir
            dejen de enviar | no me envíen | borren mi dirección | quítenme de la lista
            cancelar la suscripción al boletín | no quiero más correos | no quiero más mensajes
            no me envíe más | no me manden | dejen de mandarme | no quiero más publicidad | no quiero más mails
            no quiero más emails | no me mandéis | no me mandes | no me enviéis | no me envíes | no me escriban
            no me escribáis | dejad de escribirme | dejen de escribirme | dejad de enviarme | dejad de mandarme
            dejen de enviarme | deje de enviarme | quiten mi dirección | quiten mi correo | quitad mi correo
            quitadme de | quítenme de | quítame de | sáquenme de | sacadme de | sácame de | borradme
            bórreme | basta de correos | bórrenme | bórrame
            eliminen mi correo | eliminen mi dirección | elimínenme | no recibir más | dejar de recibir
            de la lista de correo | baja por favor
        """,
        1: "lista | publicidad | spam",
    },
    Category.CHANGE_OF_DATA: {
        3: """
            nueva dirección | me he mudado | nos hemos mudado | cambio de dirección | nuevo número
            nuevo correo | ahora vivimos | ahora vivo | cambiado de apellido | cambiado de casa | escríbanme a
            a nombre de la empresa | ir a nombre de
        """,
        1: "a partir de ahora | actualicen",
    },
}

URGENT = {
    (Urgency.HIGH, "harm"): """
        humo | fuego | incendio | chispas | quemad* | quemó | herid* | hospital | urgencias | peligros*
        descarga eléctrica | explotó
    """,
    (Urgency.HIGH, "data breach"): """
        fuga de datos | datos de otra persona | pedidos de otra persona | cuenta de otra persona
        datos de otros | hackead* | aepd
    """,
    (Urgency.HIGH, "legal"): "abogad* | tribunal | demandar | denuncia | acciones legales | consumo",
    (Urgency.HIGH, "money"): """
        cobrado … dos veces | cobraron dos veces | fraude | cargo no autorizado | sin mi permiso
    """,
    (Urgency.RAISED, "erasure"): """
        supresión de … datos | eliminen … mis datos | eliminad … mis datos | borren … mis datos
        borrad … mis datos | derecho al olvido | derecho de supresión
        me opongo al tratamiento
    """,
    (Urgency.RAISED, "personal data"): """
        rgpd | lopd | datos personales | tratamiento de mis datos | derecho de acceso | mis datos y
    """,
    (Urgency.RAISED, "accessibility"): "cieg* | lector de pantalla | discapacidad | accesib* | sord*",
    (Urgency.RAISED, "cancellation"): "cancelar mi suscripción | cancelar el contrato | cancelen mi | rescindir",
}

DENIALS = "no estoy | no está | no estamos | no es | no son | no me parece | nunca | nada"
DEGREES = "muy | nada | tan | del todo | un | una"
