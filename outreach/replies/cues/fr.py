"""French cues."""

from ...records import Category, Urgency

CUES = {
    Category.COMPLAINT: {
        3: """
            inadmissible | inacceptable | scandaleu* | honte | honteux | réclamation | me plains | me plaindre
            déçu | déçue | très déçu | mécontent* | furieu* | en colère | marre | arnaque | plus jamais
            remboursez | remboursement | débité … deux fois | débitée … deux fois | personne ne répond
            aucune réponse | sans réponse | lamentable | merci pour rien
        """,
        2: """
            ne marche pas | ne fonctionne pas | ne marche plus | ne fonctionne plus | en panne | cassé | cassée
            défectueu* | abîmé | endommagé | fuit | toujours pas | pas reçu | jamais reçu | jamais arrivé
            encore une fois | troisième fois | plante | bloqué | erreur | faux | mauvais* | en retard
            depuis des semaines | depuis des mois | avocat | attends | trop cher
        """,
        1: """
            malheureusement | problème* | pourtant | mais | sans arrêt | retard | encore | depuis la mise à jour
            bruit
        """,
        -2: "aucun problème | pas de problème | fonctionne à nouveau | marche à nouveau | résolu",
    },
    Category.QUESTION: {
        3: """
            pouvez-vous me dire | pourriez-vous me dire | j'ai une question | une question | je voudrais savoir
            j'aimerais savoir | savez-vous | est-il possible
        """,
        2: """
            est-ce que | combien | comment | quand | où puis-je | où est | quel | quelle | quels | quelles
            puis-je | peut-on | faut-il | pouvez-vous | pourriez-vous | livrez-vous | y a-t-il | pourquoi
        """,
        1: "?",
    },
    Category.THANKS: {
        3: """
            merci beaucoup | merci infiniment | mille mercis | un grand merci | bravo | merci pour votre aide |
            ça marche
        """,
        2: """
            merci | super | génial | parfait | formidable | excellent* | utile* | ravi | ravie | content
            contente | j'adore | 👍 | :-) | :)
        """,
        1: "bien | bon | bonne",
        -2: "merci de me | merci de vous | merci de ne plus | merci de nous",
    },
    Category.UNSUBSCRIBE: {
        3: """
            supprimer mon adresse | retirer mon adresse | ne souhaite plus recevoir | désinscri* | désabonn*
            me retirer de | retirez-moi | supprimez mon adresse | ne plus recevoir
            plus recevoir vos | plus recevoir de mails | plus recevoir d'e-mails | plus recevoir de newsletter
            plus recevoir votre newsletter | ne m'envoyez plus | arrêtez de m'envoyer | cessez de m'envoyer
            plus de mails | plus d'e-mails | plus de publicité | plus de newsletter
        """,
        1: "liste | spam | publicité",
    },
    Category.CHANGE_OF_DATA: {
        3: """
            nouvelle adresse | déménagé | changement d'adresse | changé d'adresse | mon adresse est
            nouveau numéro | nouvelle adresse e-mail | changé de nom
        """,
        1: "désormais | mettre à jour",
    },
}

URGENT = {
    (Urgency.HIGH, "harm"): """
        fumée | feu | incendie | étincelles | brûlé | brûlée | brûlure | blessé | blessée | hôpital
        urgences | dangereu* | choc électrique | électrocut* | explosé
    """,
    (Urgency.HIGH, "data breach"): "fuite de données | données d'un autre | données d'autres | piraté | cnil",
    (
        Urgency.HIGH,
        "legal",
    ): "avocat | tribunal | justice | porter plainte | poursuites | 60 millions | ufc-que choisir",
    (Urgency.HIGH, "money"): "débité … deux fois | débitée … deux fois | prélevé deux fois | fraude | sans mon accord",
    (Urgency.RAISED, "accessibility"): "aveugle | malvoyant* | lecteur d'écran | handicap* | accessibilité | sourd",
    (Urgency.RAISED, "cancellation"): "résilie* | résiliation | annuler mon abonnement | annulez mon abonnement",
}

DENIALS = "pas | plus | jamais | guère"
DEGREES = "du tout | très | vraiment | trop | un | une"
