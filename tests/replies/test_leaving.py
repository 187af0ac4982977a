"""Plain wishes to leave are heard, and what only sounds like one is not taken for it."""

from __future__ import annotations

from .test_classify import judge


def test_plain_wishes_to_leave_in_eight_languages_are_heard() -> None:
    wishes = [
        "Please stop writing to me.",
        "I don't want your emails any more.",
        "Kindly remove my address from your mailing list.",
        "How do I stop these emails?",
        "Take me off, please.",
        "Enough. No more of these mails please.",
        "I never asked for this. Get me off your list.",
        "Unsubscribe please, I sold the machine.",
        "Please cancel these newsletters.",
        "I'd rather not get these any longer.",
        "I no longer want to be on this list.",
        "Not interested, please delete me.",
        "Please don't send me this stuff again",
        "Bitte senden Sie mir keine E-Mails mehr.",
        "Ich möchte keine Post mehr von Ihnen.",
        "Bitte nicht mehr schreiben.",
        "Ich habe kein Interesse mehr an Ihrem Newsletter.",
        "Bitte entfernen Sie meine Adresse aus dem Verteiler.",
        "Nehmen Sie mich bitte aus der Verteilerliste.",
        "Wie kann ich den Newsletter abbestellen?",
        "Newsletter bitte kündigen.",
        "Ich möchte mich vom Newsletter abmelden.",
        "Keine Werbung mehr bitte!",
        "Lassen Sie mich mit Ihrer Werbung in Ruhe.",
        "Ich brauche Ihre Tipps nicht mehr, bitte streichen.",
        "Ne m'écrivez plus s'il vous plaît.",
        "Je ne veux plus recevoir vos courriels.",
        "Désabonnez-moi svp.",
        "Merci de me désinscrire.",
        "Comment me désinscrire de cette newsletter ?",
        "Retirez-moi de vos envois.",
        "Je ne suis plus intéressé par vos mails, merci de me retirer.",
        "Plus de pub, merci.",
        "Por favor, no me escriban más.",
        "No deseo recibir más información.",
        "Quiero dejar de recibir sus correos.",
        "Bórreme de su base de datos por favor.",
        "Denme de baja, por favor.",
        "No me interesa, quítenme de la lista.",
        "¿Cómo me doy de baja?",
        "Basta de correos.",
        "Vorrei cancellarmi dalla newsletter.",
        "Non voglio più ricevere queste mail.",
        "Per favore toglietemi dalla lista.",
        "Ik wil geen mails meer ontvangen.",
        "Graag uitschrijven.",
        "Não quero receber mais e-mails.",
        "Proszę o wypisanie mnie z listy.",
    ]
    assert [text for text in wishes if not judge(text, "Re: Tips").leaves] == []


def test_what_only_sounds_like_a_wish_to_leave_is_none() -> None:
    others = [
        "Please stop the beeping.",
        "I can't stop the machine.",
        "How do I remove the drip tray?",
        "Please take the machine off my hands, it is broken.",
        "I don't want this grinder any more, I want my money back.",
        "Cancel my order please.",
        "How do I stop the steam?",
        "Wie kann ich den Deckel entfernen?",
        "Ich möchte die Bestellung abbestellen.",
        "Bitte schicken Sie mir keine weiteren Ersatzteile, es hat sich erledigt.",
        "Ich bekomme keine Mails mehr von der App, warum?",
        "Je ne veux plus de cette machine.",
        "Comment retirer le bac ?",
        "Ne m'envoyez plus le mauvais filtre !",
        "No quiero más excusas.",
        "Quítenme esta cuota de la factura.",
        "¿Cómo quito la tapa?",
        "My parcel tracking mails stop coming, why?",
        "Why did I stop getting your newsletter? I like it.",
        "Ich möchte den Newsletter weiter bekommen, bitte nicht abmelden!",
        "I have not received your newsletter for weeks.",
        "No more foam comes out.",
        "Please stop it leaking.",
    ]
    assert [text for text in others if judge(text, "Re: Tips").leaves] == []
